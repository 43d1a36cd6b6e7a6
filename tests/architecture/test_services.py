"""Every service is a folder of the same files, and nothing but its own folder knows its name."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from agora.decision import Row
from agora.discovery import PACKAGE, folders, service, services

ROOT: Final = Path(__file__).parents[2]
NAMES: Final = tuple(folders())
FILES: Final = ("README.md", "__init__.py", "app.py", "audit.py", "decide.py", "migrations")
MODULE_LINES_MAX: Final = 300


def modules(*places: str) -> list[Path]:
    return sorted(path for place in places for path in (ROOT / place).rglob("*.py"))


def strings(path: Path) -> Iterator[str]:
    """Every string a module says, but for those that pick a column out of a row, or name it again."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    columns = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    columns |= {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in columns:
            yield node.value


@pytest.mark.parametrize("name", NAMES)
def test_every_service_has_the_same_files(name: str) -> None:
    found = {path.name for path in folders()[name].iterdir()}
    assert found >= set(FILES)
    assert list((folders()[name] / "migrations").glob("0001_*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_called_what_its_folder_is_called(name: str) -> None:
    assert service(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_a_decision_begins_with_what_it_consumes_and_publishes(name: str) -> None:
    tree = ast.parse((folders()[name] / "decide.py").read_text(encoding="utf-8"))
    assigned = [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    aliases = [target.id for target in assigned if isinstance(target, ast.Name)]
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert {"Consumes", "Publishes"} <= set(aliases)
    assert functions[0] == "decide"
    names = [getattr(node, "name", None) or getattr(getattr(node, "target", None), "id", "") for node in tree.body]
    assert names.index("Publishes") < names.index("decide")


@pytest.mark.parametrize("name", NAMES)
def test_a_service_declares_every_row_it_writes(name: str) -> None:
    path = folders()[name] / "rows.py"
    declared = {kind.__name__ for kind in service(name).rows}
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    assert declared == {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert all(issubclass(kind, Row) for kind in service(name).rows)


def test_streams_are_heard_by_services_of_their_own() -> None:
    """Two services may hear one stream; two of the same name would share a consumer group."""
    assert len({one.name for one in services()}) == len(NAMES) >= 8


@pytest.mark.parametrize("path", modules("libs/agora", "libs/console"), ids=lambda path: path.stem)
def test_neither_the_runtime_nor_the_command_line_names_a_service(path: Path) -> None:
    said = set(strings(path))
    assert not said & set(NAMES)
    assert not any(text.startswith(f"{PACKAGE}.") for text in said)


@pytest.mark.parametrize("name", NAMES)
def test_no_service_names_another(name: str) -> None:
    others = set(NAMES) - {name}
    for path in folders()[name].rglob("*.py"):
        # Strings of rows are columns; what people ask and are shown names agents, which are called as services are.
        if path.name != "rows.py" and not {"http", "queries"} & set(path.parts):
            assert not set(strings(path)) & others, path


@pytest.mark.parametrize("place", ["libs", "services", "bench", "tests"])
def test_no_module_is_longer_than_a_sitting(place: str) -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(place)}
    assert {path: lines for path, lines in lengths.items() if lines >= MODULE_LINES_MAX} == {}
