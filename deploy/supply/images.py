"""The images that others make and we build on or run: which they are, and the digests they are pinned to.

A tag may mean another image tomorrow; a digest never does. ``images.json`` has every image that this repository names,
with its digest, or null while nobody knows it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from deploy.supply import DIGESTS, ROOT, Refused

DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
DOCKERFILE: Final = "deploy/Dockerfile"
COMPOSE: Final = ("docker-compose.yml", "deploy/compose/observe.yml")
CHART: Final = "deploy/helm/agora/values.yaml"
CONTAINER: Final = re.compile(r"^  (\w+):.*\n(?:(?:    .*)?\n)*?    image: ([^$\s]\S*)$", re.MULTILINE)
HUB: Final = "docker.io"


@dataclass(frozen=True, slots=True)
class Pin:
    """The digest of an image for all platforms together, and of what it holds for each (``linux/amd64``)."""

    digest: str
    platforms: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Base:
    """What our image is built on."""

    name: str
    pin: Pin | None

    @property
    def python(self) -> str:
        """The version of Python that it brings, by its tag: ``3.13``."""
        found = re.search(r"python:(\d+\.\d+)", self.name)
        if not found:
            raise Refused(f"{self.name} does not say which Python it has. Name it like python:3.13-slim.")
        return found[1]


def base() -> Base:
    """What our image is built on unless somebody says otherwise."""
    name = _base((ROOT / DOCKERFILE).read_text(encoding="utf-8"))
    return Base(name, pins().get(name))


def named() -> list[str]:
    """Every image of others that the Dockerfile, the compose files and the chart's values name, with its tag."""
    return sorted({_base((ROOT / DOCKERFILE).read_text(encoding="utf-8")), *composed().values(), *_of_the_chart()})


def composed() -> dict[str, str]:
    """The containers of the compose files that run an image of others, each with that image."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in COMPOSE]
    found = [CONTAINER.findall(text) for text in texts]
    return {container: image for pairs in found for container, image in pairs}


def pins(path: Path = DIGESTS) -> dict[str, Pin | None]:
    """Read the lock of images. Raises ``Refused`` if a digest is not one."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: _pin(name, pin) for name, pin in found.items()}


def pin(look_up: Callable[[str], Pin], names: Iterable[str], path: Path = DIGESTS) -> dict[str, Pin]:
    """Look every image's digest up and write the lock; if one cannot be had, nothing is written."""
    found = {name: look_up(name) for name in sorted(names)}
    path.write_text(written(found), encoding="utf-8")
    return found


def entered(names: Iterable[str], pins: Mapping[str, Pin | None]) -> dict[str, Pin | None]:
    """The lock for these names: what is known of each, and null for who is new."""
    return {name: pins.get(name) for name in names}


def written(pins: Mapping[str, Pin | None]) -> str:
    """The lock of images as text."""
    return json.dumps({name: pin and asdict(pin) for name, pin in sorted(pins.items())}, indent=2) + "\n"


def pinned(name: str, pins: Mapping[str, Pin | None]) -> str:
    """An image by tag and digest. Raises ``Refused`` if nobody has looked its digest up."""
    found = pins.get(name)
    if found is None:
        raise Refused(
            f"{name} is not pinned: {DIGESTS.relative_to(ROOT)} has no digest of it. Where its registry can be "
            "reached, make pin looks it up; commit what it writes."
        )
    return f"{name}@{found.digest}"


def override(pins: Mapping[str, Pin | None]) -> str:
    """A compose file that pins every image of the others. Raises ``Refused`` if one is not pinned."""
    lines = [f"  {container}: {{image: '{pinned(image, pins)}'}}" for container, image in composed().items()]
    return "\n".join(["services:", *lines, ""])


def qualified(name: str) -> str:
    """An image's whole name, as no default can change it: ``docker.io/library/python:3.13-slim``."""
    first, slash, _ = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return name
    return f"{HUB}/{name}" if slash else f"{HUB}/library/{name}"


def _base(dockerfile: str) -> str:
    return re.findall(r"^ARG BASE=(\S+)$", dockerfile, re.MULTILINE)[0]


def _of_the_chart() -> list[str]:
    values = ROOT / CHART
    text = values.read_text(encoding="utf-8") if values.exists() else ""
    return re.findall(r"^\s+\w*[iI]mage: [\"']?([a-z0-9][\w./-]*:[\w.-]+)[\"']?\s*$", text, re.MULTILINE)


def _pin(name: str, found: Mapping[str, object] | None) -> Pin | None:
    match found:
        case None:
            return None
        case {"digest": str(digest), "platforms": dict(platforms), **others} if not others:
            if all(isinstance(text, str) and DIGEST.fullmatch(text) for text in (digest, *platforms.values())):
                return Pin(digest, platforms)
        case _:
            pass
    raise Refused(f"What {DIGESTS.relative_to(ROOT)} says of {name} is no digest. Look it up again: make pin")
