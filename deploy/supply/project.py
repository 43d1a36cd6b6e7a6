"""What the project says of itself, and what git says of this checkout."""

import subprocess
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.supply import ROOT, Refused


@dataclass(frozen=True, slots=True)
class Project:
    """The product, by ``pyproject.toml`` and LICENSE."""

    name: str
    version: str
    description: str
    licence: str
    vendor: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """What would be built: a commit, its time in seconds since 1970, and whether files differ from it."""

    revision: str
    seconds: int
    changed: bool

    @property
    def created(self) -> str:
        return datetime.fromtimestamp(self.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def project(root: Path = ROOT) -> Project:
    """Read what the project says of itself."""
    said = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    licence, _, copyright_line, *_ = (root / "LICENSE").read_text(encoding="utf-8").splitlines()
    vendor = copyright_line.split(maxsplit=3)[3]
    return Project(said["name"], said["version"], said["description"], licence.removesuffix(" License"), vendor)


def checkout(root: Path = ROOT) -> Checkout:
    """Ask git. Raises ``Refused`` where it does not know this folder."""
    revision, seconds = _git(root, "log", "-1", "--format=%H %ct").split()
    return Checkout(revision, int(seconds), changed=bool(_git(root, "status", "--porcelain")))


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refused(f"git does not tell what is in {root}: {error}. An image says which commit it is of.") from None
    return done.stdout
