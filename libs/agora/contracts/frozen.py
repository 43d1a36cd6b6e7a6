"""The frozen contracts: ``contracts/<Event>.v<version>/`` with two schemas and golden samples, written once.

Beside them lies ``consumers.json``: what each service's decision reads, as of the last freeze.
"""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from agora.contracts.compare import Json
from agora.contracts.samples import Sample
from agora.contracts.schema import Contract, canonical
from agora.discovery import PACKAGE
from agora.versions import split

VARIABLE: Final = "AGORA_CONTRACTS"
WRITTEN: Final = "written.json"
READ: Final = "read.json"
CONSUMERS: Final = "consumers.json"
SAMPLE: Final = re.compile(r"sample-[1-9][0-9]*\.json")
FILE_BYTES_MAX: Final = 2_000_000


class ContractError(Exception):
    """The frozen contracts cannot be read or written; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """One frozen version; ``files`` holds the JSON of each file by its name, or why it cannot be read."""

    wire_name: str
    files: Mapping[str, Json | ContractError]

    @property
    def contract(self) -> Contract:
        """Its schemas. Raises ``ContractError`` if one is missing or cannot be read."""
        name, version = split(self.wire_name)
        return Contract(name, version, self._schema(WRITTEN), self._schema(READ))

    def samples(self) -> list[Sample]:
        """All of its golden samples. Raises ``ContractError``."""
        return [self.sample(name) for name in self.files if SAMPLE.fullmatch(name)]

    def sample(self, name: str) -> Sample:
        """The golden sample in a file. Raises ``ContractError``."""
        try:
            return Sample.of(self._json(name))
        except (KeyError, TypeError, ValueError) as error:
            raise ContractError(f"{self.wire_name}/{name} is no sample: {type(error).__name__}: {error}") from None

    def _schema(self, name: str) -> dict[str, Any]:
        schema = self._json(name)
        if not isinstance(schema, dict):
            raise ContractError(f"{self.wire_name}/{name} is no JSON object")
        return schema

    def _json(self, name: str) -> Json:
        value = self.files.get(name, ContractError(f"{self.wire_name}/{name} is missing"))
        if isinstance(value, ContractError):
            raise value
        return value


def folder() -> Path:
    """Where the frozen contracts are: ``AGORA_CONTRACTS``, else ``contracts`` beside the services."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given)
    return Path(next(iter(import_module(PACKAGE).__path__))).parent / "contracts"


def load(root: Path) -> dict[str, Frozen]:
    """Every frozen version by wire name, in alphabetical order. Raises ``ContractError`` if there is no folder."""
    if not root.is_dir():
        raise ContractError(
            f"no contracts at {root}. Freeze them with: agora contracts freeze; or say where they are in {VARIABLE}"
        )
    found = [path for path in root.iterdir() if path.is_dir() and split(path.name)[1]]
    return {path.name: _load(path) for path in sorted(found)}


def load_consumers(root: Path) -> Json:
    """What ``consumers.json`` holds. Raises ``ContractError`` if it is missing or no JSON."""
    value = _read(root / CONSUMERS) if (root / CONSUMERS).is_file() else ContractError(f"{CONSUMERS} is missing")
    if isinstance(value, ContractError):
        raise value
    return value


def write_missing(root: Path, wire_name: str, files: Mapping[str, Json]) -> tuple[str, ...]:
    """Write those files of a version that are not there; return their names. What is there is never touched."""
    (root / wire_name).mkdir(parents=True, exist_ok=True)
    written: list[str] = []
    for name, value in files.items():
        with suppress(FileExistsError), (root / wire_name / name).open("x", encoding="utf-8", newline="\n") as file:
            file.write(canonical(value))
            written.append(f"{wire_name}/{name}")
    return tuple(written)


def write_consumers(root: Path, consumers: Json) -> tuple[str, ...]:
    """Bring ``consumers.json`` up to date: it follows the code, which is not bound to read what it once read."""
    path, text = root / CONSUMERS, canonical(consumers)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return ()
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8", newline="\n")
    new.replace(path)
    return (CONSUMERS,)


def _load(path: Path) -> Frozen:
    return Frozen(path.name, {file.name: _read(file) for file in sorted(path.iterdir()) if file.is_file()})


def _read(path: Path) -> Json | ContractError:
    place = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            return ContractError(f"{place} is larger than {FILE_BYTES_MAX:,} bytes")
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        return ContractError(f"{place} cannot be read: {error}")
