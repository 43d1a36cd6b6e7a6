"""Hold the bill of materials to what is installed, while the image is built; on a mistake, nothing is built.

``python installed.py sbom.json SITE-PACKAGES``. It runs in the image that is being built, where there is the standard
library alone. A bill is made for one version of Python: an image on another carries none rather than a wrong one.
"""

import json
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any


def main() -> None:
    """Compare; remove the bill if it is for another Python."""
    place, packages = Path(sys.argv[1]), sys.argv[2]
    bill = json.loads(place.read_text(encoding="utf-8"))
    meant = {one["name"]: one["value"] for one in bill["metadata"]["component"]["properties"]}["agora:python"]
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if meant != here:
        place.unlink()
        sys.stdout.write(f"{place.name} is for Python {meant}, and this is {here}: the image carries no bill.\n")
    elif wrong := _listed(bill) ^ _installed(packages):
        told = ", ".join(f"{name} {version}" for name, version in sorted(wrong))
        sys.exit(f"{place.name} does not say what is installed: {told}. Make it anew: make sbom")


def _listed(bill: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["name"], one["version"]) for one in bill["components"] if one["type"] == "library"}


def _installed(packages: str) -> set[tuple[str, str]]:
    return {(_plain(one.name), one.version) for one in distributions(path=[packages])}


def _plain(name: str) -> str:
    return "-".join(name.lower().replace("_", "-").replace(".", "-").split("-"))


if __name__ == "__main__":
    main()
