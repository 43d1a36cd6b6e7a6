"""What of the Helm chart follows from elsewhere: who may do what from the contracts, its README from its values.

The chart's template loops over ``files/services.json``. In ``values.yaml`` the services stand between two marks, with
what people wrote beneath them; in the README, the tables under ``## Values`` are made of the comments ``# -- ``.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any, Final, NamedTuple

from agora.grants import TOPICS, TRACES, Rights

BEGIN: Final = "# services:begin (generated)"
END: Final = "# services:end"
VALUES: Final = "## Values"
ELSEWHERE: Final = "see values.yaml"

_BLOCK: Final = re.compile(rf"^{re.escape(BEGIN)}\nservices:\n(.*?)^{re.escape(END)}$", re.DOTALL | re.MULTILINE)
_MARGIN: Final = "  "
_SECTION: Final = re.compile(rf"^{VALUES}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_KEY: Final = re.compile(r"( *)([\w.-]+):(?: +(.*?))?(?: +#.*)?$")
_WORDS: Final = re.compile(r" *# -- (.*)")
_MORE_WORDS: Final = re.compile(r" *#(?: (.*))?$")
_BLOCK_SCALAR: Final = re.compile(r"[|>][+-]?$")


class ChartError(Exception):
    """A file of the chart lacks what is generated into it."""


class Value(NamedTuple):
    """One key of the values: ``default`` is as it is written there, and empty where other keys stand beneath."""

    path: tuple[str, ...]
    default: str
    words: str

    @property
    def name(self) -> str:
        """Its path, as ``--set`` takes it."""
        return ".".join(self.path)


def services_file(rights: Iterable[Rights]) -> str:
    """The file that the templates loop over: one service a line."""
    everyone = {one.name: one for one in rights}
    parts = {name: _part(one) for name, one in everyone.items()}
    services = ",\n".join(f"    {_json(name)}: {_json(parts[name])}" for name, one in everyone.items() if one.stream)
    return (
        f'{{\n  "services": {{\n{services}\n  }},\n'
        f'  "streams": {_json(everyone[TOPICS].makes)},\n'
        f'  "traces": {_json(parts[TRACES])}\n}}\n'
    )


def with_services(values: str, names: Iterable[str]) -> str:
    """The values with every service there is, and none that is gone. Raises ``ChartError``."""
    found = _BLOCK.search(values)
    if found is None:
        raise ChartError(f"there are no lines '{BEGIN}', 'services:' and '{END}' in values.yaml")
    known = _entries(found[1])
    entries = (known.get(name, _entry(name)) for name in sorted(names))
    return values[: found.start(1)] + "".join(entries) + values[found.end(1) :]


def with_values(readme: str, values: str) -> str:
    """The README with the tables of all values under ``## Values``. Raises ``ChartError``."""
    if not _SECTION.search(readme):
        raise ChartError(f"there is no section '{VALUES}' in README.md")
    tables = "\n".join(_tables(described(values)))
    return _SECTION.sub(lambda found: _spaced(f"{VALUES}\n\n{tables}\n", is_last=found.end() == len(readme)), readme)


def described(values: str) -> tuple[Value, ...]:
    """Every key of the values, in the order of the file, with what the comment ``# -- `` right above it says."""
    return tuple(_read(values))


def _part(one: Rights) -> dict[str, Any]:
    can = {"reads": one.reads, "writes": one.writes, "groups": one.groups}
    names = one.postgres()
    return {"stream": one.stream, **can, "door": one.door, **asdict(names)} if names else can


def _json(part: Any) -> str:
    return json.dumps(part, ensure_ascii=False)


def _entry(name: str) -> str:
    return f"{_MARGIN}# -- What the service {name} has otherwise than `defaults`.\n{_MARGIN}{name}: {{}}\n"


def _entries(block: str) -> dict[str, str]:
    """What stands between the marks, by service: its key with the comment above it and what is beneath it."""
    found: dict[str, str] = {}
    above, name = "", ""
    for line in block.splitlines(keepends=True):
        key = _KEY.fullmatch(line.rstrip("\n"))
        if line.startswith(f"{_MARGIN}#"):
            above, name = above + line, ""
        elif key and key[1] == _MARGIN:
            name, above, found[key[2]] = key[2], "", above + line
        elif name:
            found[name] += line
    return found


def _read(values: str) -> Iterator[Value]:
    above: list[tuple[int, str]] = []  # the keys that the line is beneath, with their indents
    words: list[str] = []
    opaque: int | None = None  # the indent of a list or a text, in which nothing is a key of ours
    lines = values.splitlines()
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if opaque is not None:
            if not line.strip() or indent > opaque or line[opaque:].startswith("- "):
                continue
            opaque = None
        if begun := _WORDS.fullmatch(line):
            words = [begun[1]]
        elif more := _MORE_WORDS.fullmatch(line):
            words += [more[1] or ""] if words else []
        elif line.lstrip().startswith("- "):
            opaque, words = indent, []
        elif key := _KEY.fullmatch(line):
            above = [*(pair for pair in above if pair[0] < indent), (indent, key[2])]
            yield Value(tuple(name for _, name in above), _default(key[3] or "", lines, number), " ".join(words))
            opaque, words = (indent if _BLOCK_SCALAR.fullmatch(key[3] or "") else None), []
        else:
            words = []


def _default(text: str, lines: list[str], number: int) -> str:
    """The default as it is written, if that is on the key's own line."""
    following = next((line for line in lines[number + 1 :] if line.strip() and not line.lstrip().startswith("#")), "")
    is_list = not text and following.lstrip().startswith("- ")
    return ELSEWHERE if is_list or _BLOCK_SCALAR.fullmatch(text) else text


def _tables(values: Iterable[Value]) -> Iterator[str]:
    """A table of the values that stand alone, then one under a heading for each that has others beneath it."""
    sections = [(name, list(section)) for name, section in groupby(values, lambda value: value.path[0])]
    yield from _table(section[0] for _, section in sections if len(section) == 1)
    for name, (first, *beneath) in ((name, section) for name, section in sections if len(section) > 1):
        yield f"\n### `{name}`\n"
        if first.words:
            yield f"{first.words}\n"
        yield from _table(value for value in beneath if value.words)


def _table(values: Iterable[Value]) -> Iterator[str]:
    rows = [f"| `{value.name}` | {_shown(value.default)} | {_cell(value.words)} |" for value in values]
    if rows:
        yield "| value | default | what it is |\n| --- | --- | --- |"
        yield from rows


def _shown(default: str) -> str:
    return default if default in {"", ELSEWHERE} else f"`{_cell(default)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _spaced(section: str, *, is_last: bool) -> str:
    return section if is_last else f"{section}\n"
