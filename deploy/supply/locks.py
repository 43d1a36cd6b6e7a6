"""A lock of packages, read as ``make lock`` writes it: each package with one version and the hashes of its files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from packaging.markers import Marker

from deploy.supply import Refused

OURS: Final = "agora"
ENTRY: Final = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\\n]+?))? \\\n"
    r"(?P<hashes>(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)"
    r"(?P<via>(?:    #.*\n)*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Locked:
    """One package at one version.

    ``hashes`` are the SHA-256 of its files, any of which will do; ``wanted_by`` names the packages that need it.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    wanted_by: tuple[str, ...]

    def belongs(self, environment: Mapping[str, str]) -> bool:
        """Is it installed there? ``environment`` has the names of PEP 508."""
        return not self.marker or Marker(self.marker).evaluate(dict(environment))


def read(text: str) -> list[Locked]:
    """Read a lock. Raises ``Refused`` at a line that is no locked package."""
    for line in ENTRY.sub("", text).splitlines():
        if line and not line.startswith("#"):
            raise Refused(f"{line!r} is not a package with one version and its hashes. Make the lock anew: make lock")
    return [_locked(found) for found in ENTRY.finditer(text)]


def in_image(packages: Sequence[Locked], python: str, machine: str = "x86_64") -> list[Locked]:
    """Those of a lock that an image on Linux with that Python (``3.13``) installs."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
        "os_name": "posix",
    }
    return [package for package in packages if package.belongs(environment)]


def _locked(found: re.Match[str]) -> Locked:
    words = [line.strip(" #").removeprefix("via").strip() for line in found["via"].splitlines()]
    return Locked(
        name=found["name"],
        version=found["version"],
        marker=found["marker"] or "",
        hashes=tuple(sorted(re.findall(r"sha256:([0-9a-f]{64})", found["hashes"]))),
        wanted_by=tuple(sorted({_wanting(word) for word in words if word and not word.startswith(("-c ", "-r "))})),
    )


def _wanting(word: str) -> str:
    return OURS if word.startswith(f"{OURS} (") else word
