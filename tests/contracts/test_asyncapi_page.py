"""The page that shows the AsyncAPI document, looked at with a real browser: it shows all of it and asks nobody else."""

import hashlib
import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

from tests.contracts.browser import look

SHOWN: Final = Path(__file__).parents[2] / "docs" / "asyncapi"
DOCUMENT: Final[dict[str, Any]] = json.loads((SHOWN / "asyncapi.json").read_text(encoding="utf-8"))
ELSEWHERE: Final = "http://elsewhere.example/"


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Generator[str]:
    """Serve a folder on this machine alone; the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def shown(dom: str) -> str:
    """What a reader sees: the page without the document that it carries."""
    assert 'id="document"' in dom
    return re.sub(r'<script type="application/json".*?</script>', "", dom, flags=re.DOTALL)


def missing(dom: str) -> list[str]:
    """The channels, operations and messages that a page does not show."""
    everything = (*DOCUMENT["channels"], *DOCUMENT["operations"], *DOCUMENT["components"]["messages"])
    text = shown(dom)
    return [name for name in everything if f">{name}<" not in text]


def test_the_page_shows_everything_and_asks_nobody_but_its_own_server(tmp_path: Path) -> None:
    with served(SHOWN) as address:
        seen = look(f"{address}/index.html", tmp_path)
    assert missing(seen.dom) == []
    assert seen.console == []
    assert sorted(seen.asked) == [
        f"{address}/{name}" for name in ("assets/default.min.css", "assets/index.js", "index.html", "show.js")
    ]


def test_the_page_can_be_opened_as_a_file(tmp_path: Path) -> None:
    seen = look((SHOWN / "index.html").as_uri(), tmp_path)
    assert missing(seen.dom) == []
    assert seen.console == []


def test_a_page_that_asks_somebody_else_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(f'<img src="{ELSEWHERE}a.png"><script>fetch("{ELSEWHERE}b")</script>')
    with served(tmp_path) as address:
        seen = look(f"{address}/index.html", tmp_path)
    assert {f"{ELSEWHERE}a.png", f"{ELSEWHERE}b"} <= set(seen.asked)


def test_the_pages_own_policy_lets_it_ask_nobody_else(tmp_path: Path) -> None:
    (policy,) = re.findall(r"<meta http-equiv=.*>", (SHOWN / "index.html").read_text(encoding="utf-8"))
    (tmp_path / "try.js").write_text(f'fetch("{ELSEWHERE}b").catch(() => {{}})')
    (tmp_path / "index.html").write_text(f'{policy}<img src="{ELSEWHERE}a.png"><script src="try.js"></script>')
    with served(tmp_path) as address:
        seen = look(f"{address}/index.html", tmp_path)
    assert seen.asked == [f"{address}/index.html", f"{address}/try.js"]


def test_the_assets_are_the_ones_their_readme_names() -> None:
    readme = (SHOWN / "assets" / "README.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^\| `([^`]+)` \| `[^`]+` \| `([0-9a-f]{64})` \|$", readme, re.MULTILINE))
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (SHOWN / "assets").iterdir()}
    del there["README.md"]
    assert there == named
