"""What the packages of the image say of themselves: the very files that it gets, laid out beside it and read."""

import subprocess
import tempfile
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from uv import find_uv_bin

from deploy.supply import REQUIREMENTS, Refused
from deploy.supply.bill import Part
from deploy.supply.licences import field, licence
from deploy.supply.locks import Locked

PLATFORM: Final = "x86_64-manylinux_2_28"


def parts(packages: Sequence[Locked], python: str) -> list[Part]:
    """What an image with that Python has. Raises ``Refused`` if a package cannot be had, or leaves its licence open."""
    with tempfile.TemporaryDirectory() as folder:
        _lay_out(Path(folder), python)
        found = {one.name.lower().replace("_", "-"): one.metadata for one in distributions(path=[folder])}
        return [Part(one, licence(found[one.name]), field(found[one.name], "Summary")) for one in packages]


def _lay_out(folder: Path, python: str) -> None:
    command = [
        *(find_uv_bin(), "pip", "install", "--quiet", "--target", str(folder), "--python-version", python),
        *("--python-platform", PLATFORM, "--only-binary", ":all:", "--no-deps", "--require-hashes"),
        *("--requirement", str(REQUIREMENTS)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Refused(f"The packages of {REQUIREMENTS.name} cannot be had: {done.stderr.strip()}")
