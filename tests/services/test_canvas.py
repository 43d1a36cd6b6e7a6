"""A canvas names exactly what the code consumes and publishes, and keeps what people wrote beside it."""

import re
from typing import Final

import pytest

from agora.discovery import folders, service
from agora.papers.canvas import CanvasError, rewritten, wordless
from agora.turns import members
from console.docs import market

MARKET: Final = market()
BARE: Final = "# Buyer\n\n## Consumes\n\n## Publishes\n\n## Keeps\n\nA cart.\n"


def canvas_of(name: str) -> str:
    return (folders()[name] / "README.md").read_text(encoding="utf-8")


def named(canvas: str, heading: str) -> list[str]:
    """The events in the first column of a section's table."""
    section = canvas.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = (row.split("|")[1] for row in section.splitlines() if row.startswith("|"))
    return sorted(name for cell in cells for name in re.findall(r"`(\w+)`", cell))


@pytest.mark.parametrize("name", folders())
def test_a_canvas_names_what_the_code_hears_and_says(name: str) -> None:
    canvas, code = canvas_of(name), service(name)
    assert named(canvas, "Consumes") == sorted(event.__name__ for event in members(code.consumes))
    assert named(canvas, "Publishes") == sorted(event.__name__ for event in members(code.publishes))


@pytest.mark.parametrize("name", folders())
def test_a_canvas_says_what_becomes_of_everything_that_is_heard(name: str) -> None:
    assert wordless(canvas_of(name)) == ()


@pytest.mark.parametrize("name", folders())
def test_a_canvas_is_as_the_code_has_it_and_stays_so(name: str) -> None:
    assert rewritten(canvas_of(name), MARKET, name) == canvas_of(name), "run: agora docs"


def test_an_event_that_is_new_to_a_service_is_added_without_words() -> None:
    canvas = canvas_of("buyer").replace("`ChangeCartLine`, ", "")
    canvas = re.sub(r"(\| `CheckOut` \| gateway \|) .*", r"\1 |", canvas)
    grown = rewritten(canvas, MARKET, "buyer")
    assert set(wordless(grown)) == {"ChangeCartLine", "CheckOut"}
    assert named(grown, "Consumes") == named(canvas_of("buyer"), "Consumes")


def test_an_event_that_a_service_no_longer_hears_leaves_its_canvas() -> None:
    canvas = (
        canvas_of("buyer")
        .replace("`AddToCart`,", "`Shrug`, `AddToCart`,")
        .replace("| `CheckOut` |", "| `Nothing` | nobody | nothing |\n| `CheckOut` |")
    )
    assert rewritten(canvas, MARKET, "buyer") == canvas_of("buyer")


def test_the_words_of_people_stay_whatever_stands_around_them() -> None:
    canvas = canvas_of("transaction").replace("undoes everything", "undoes *everything*, `StockRefused` or not")
    kept = rewritten(canvas, MARKET, "transaction")
    assert "| undoes *everything*, `StockRefused` or not |" in kept
    assert "\n\nWhile a payout is held" in kept
    assert kept == canvas


def test_a_canvas_without_tables_gets_them_and_keeps_the_rest() -> None:
    filled = rewritten(BARE, MARKET, "buyer")
    assert filled.startswith("# Buyer\n\n## Consumes\n\n| event | from | and does |\n| --- | --- | --- |\n")
    assert "\n\n## Publishes\n\n| event | heard by |\n" in filled
    assert filled.endswith("\n\n## Keeps\n\nA cart.\n")
    assert set(wordless(filled)) == set(named(filled, "Consumes"))


@pytest.mark.parametrize("heading", ["Consumes", "Publishes"])
def test_a_canvas_without_a_section_is_refused(heading: str) -> None:
    with pytest.raises(CanvasError, match=heading):
        rewritten(BARE.replace(f"## {heading}", f"### {heading}"), MARKET, "buyer")
