"""What follows from the code: the choreography map, the AsyncAPI document with its page, canvases, dashboard, chart."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from agora.contracts.schema import JsonSchema
from agora.discovery import folders, services, views
from agora.grants import rights
from agora.papers import asyncapi, asyncapi_page, canvas, chart, pictures
from agora.papers.choreography import Choreography, choreography
from agora.papers.words import NoExample
from console import observe
from console.output import Failure
from market.catalogue import FINAL, OUTCOMES, REMINDERS
from market.examples import WORDS
from market.stories import STORIES

MAP: Final = "docs/choreography.md"
DOCUMENT: Final = "docs/asyncapi/asyncapi.json"
PAGE: Final = "docs/asyncapi/index.html"
CHART: Final = "deploy/helm/agora"
COMMAND: Final = "agora docs"
ABOUT: Final = """\
Every event of the marketplace, in every version: what is in it, who says it, and who hears it.

Services meet only in these streams. A stream is named for what it is about, and its record key is the subject's id, so
one agent's events keep their order. *Send* is what a service says, *receive* is what it hears; the door is a service,
too, and says what people and programs ask for. Fields that are not named here may be added: pass over them."""
"""What the document says of itself."""


def market() -> Choreography:
    """The choreography of all services. Raises ``Failure``."""
    try:
        return choreography(services(), WORDS, FINAL, REMINDERS, OUTCOMES)
    except NoExample as error:
        raise Failure(f"{error} of libs/market/examples.py.") from None


def root() -> Path:
    """The checkout in which the services are. Raises ``Failure`` if they were installed from elsewhere."""
    (found,) = {folder.parents[1] for folder in folders().values()}
    if not (found / MAP).parent.is_dir():
        raise Failure(f"There is no folder docs at {found}: run '{COMMAND}' in a checkout.")
    return found


def pages(place: Path, whole: Choreography) -> dict[str, str]:
    """What every generated file must hold, by its path below ``place``. Raises ``Failure``."""
    document = asyncapi.document(whole, WORDS, _info())
    return {
        MAP: pictures.page(whole, STORIES),
        DOCUMENT: asyncapi.as_text(document),
        PAGE: asyncapi_page.page(document),
        observe.DASHBOARD: observe.page(),
        **chart_pages(place, whole),
        **{_canvas(part.name): _rewritten(place, part.name, whole) for part in whole.parts},
    }


def chart_pages(place: Path, whole: Choreography) -> dict[str, str]:
    """What the generated files of the chart must hold, by path below ``place``. Raises ``Failure``."""
    values, readme = f"{CHART}/values.yaml", f"{CHART}/README.md"
    try:
        served = chart.with_services(_read(place / values) or "", folders())
        described = chart.with_values(_read(place / readme) or "", served)
    except chart.ChartError as error:
        raise Failure(f"{CHART}: {error}.") from None
    return {
        f"{CHART}/files/services.json": chart.services_file(rights(whole, {name: views(name) for name in folders()})),
        values: served,
        readme: described,
    }


def faults(whole: Choreography, written: Mapping[str, str]) -> list[str]:
    """What only people can put right, one sentence each."""
    silent = (
        f"{_canvas(part.name)}: say what becomes of {name}, under Consumes"
        for part in whole.parts
        for name in canvas.wordless(written[_canvas(part.name)])
    )
    return [*whole.faults(), *(fault for story in STORIES for fault in whole.story_faults(story)), *silent]


def stale(place: Path, written: Mapping[str, str]) -> list[str]:
    """The files that do not hold what they must, or are not there."""
    return [name for name, text in written.items() if _read(place / name) != text]


def write(place: Path, written: Mapping[str, str], names: Iterable[str]) -> None:
    """Write some of the generated files."""
    for name in names:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written[name], encoding="utf-8", newline="\n")


def _info() -> JsonSchema:
    info: dict[str, Any] = {"title": "Agora", "version": version("agora"), "description": ABOUT}
    return {**info, "license": {"name": "MIT"}}


def _canvas(service: str) -> str:
    return f"services/{service}/README.md"


def _rewritten(place: Path, service: str, whole: Choreography) -> str:
    name = _canvas(service)
    try:
        return canvas.rewritten(_read(place / name) or "", whole, service)
    except canvas.CanvasError as error:
        raise Failure(f"{name}: {error}. docs/add-a-service.md says what a canvas is.") from None


def _read(path: Path) -> str | None:
    """A file's text, every byte of it as it is; ``None`` if there is no such file."""
    return path.read_bytes().decode() if path.is_file() else None
