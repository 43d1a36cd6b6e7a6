"""What is generated is as the code has it, and ``agora docs`` makes it so."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agora.discovery import folders
from console import docs
from console.main import app

ROOT = Path(__file__).parents[2]
WHOLE = docs.market()
GENERATED = docs.pages(ROOT, WHOLE)


def agora_docs(*arguments: str) -> tuple[int, str, str]:
    """Run ``agora docs``; return its exit code, standard output and standard error."""
    ran = CliRunner().invoke(app, ("docs", *arguments))
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran.exit_code, ran.stdout, ran.stderr


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of everything generated, on which the command works."""
    for name in GENERATED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    copied = {name: tmp_path / "services" / name for name in folders()}
    with monkeypatch.context() as patch:
        patch.setattr(docs, "folders", lambda: copied)
        yield tmp_path


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_file_is_as_the_code_has_it(name: str) -> None:
    assert docs.stale(ROOT, {name: GENERATED[name]}) == [], "run: agora docs"


def test_what_only_people_can_put_right_is_right() -> None:
    assert docs.faults(WHOLE, GENERATED) == []


def test_what_is_generated_twice_is_the_same() -> None:
    assert docs.pages(ROOT, docs.market()) == GENERATED


@pytest.mark.parametrize("name", GENERATED)
def test_a_change_by_hand_is_named_with_the_command_that_undoes_it(checkout: Path, name: str) -> None:
    text = (checkout / name).read_text(encoding="utf-8")
    changed = re.sub(
        "CheckOut|PaymentSucceeded|agora_turns|agora_buyer|  buyer|services.buyer", "WalkOut", text, count=1
    )
    (checkout / name).write_text(changed, encoding="utf-8")
    code, _, words = agora_docs("--check")
    assert code == 1
    assert f"{name} is not as the code has it; run: agora docs" in words
    assert "WalkOut" in (checkout / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in GENERATED if name.startswith("docs/")])
def test_a_missing_file_is_written_and_then_nothing_is_left_to_do(checkout: Path, name: str) -> None:
    (checkout / name).unlink()
    assert agora_docs("--check")[0] == 1
    code, output, _ = agora_docs("--json")
    assert (code, json.loads(output)) == (0, {"written": [name], "faults": []})
    assert (checkout / name).read_text(encoding="utf-8") == GENERATED[name]
    assert agora_docs("--check", "--json")[:2] == (0, '{"stale": [], "faults": []}\n')


def test_a_consumed_event_without_words_fails_the_command(checkout: Path) -> None:
    canvas = checkout / "services" / "seller" / "README.md"
    canvas.write_text(canvas.read_text(encoding="utf-8").replace("`ProductTaken`", "`Gone`"), encoding="utf-8")
    code, output, words = agora_docs()
    assert (code, output) == (1, "services/seller/README.md\n")
    assert "services/seller/README.md: say what becomes of ProductTaken, under Consumes" in words


def test_a_canvas_without_its_sections_is_told_in_plain_words(checkout: Path) -> None:
    (checkout / "services" / "seller" / "README.md").write_text("# Seller\n", encoding="utf-8")
    code, output, words = agora_docs()
    assert (code, output) == (1, "")
    assert "services/seller/README.md: there is no section '## Consumes'" in words


def test_outside_a_checkout_the_command_says_so(checkout: Path) -> None:
    shutil.rmtree(checkout / "docs")
    code, _, words = agora_docs("--check")
    assert code == 1
    assert "run 'agora docs' in a checkout" in words
