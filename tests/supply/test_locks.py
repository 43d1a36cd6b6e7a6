"""The three locks of packages: every file by its hash, from whichever index, and as the project asks for them."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.supply import ROOT, Refused, locks
from deploy.supply.locks import Locked

LOCKS = ("requirements.txt", "requirements-image.txt", "requirements-dev.txt")
HASH = "0" * 64
FOUND = {name: locks.read((ROOT / name).read_text()) for name in LOCKS}
SAID = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WANTED = {"requirements.txt": SAID["dependencies"], "requirements-dev.txt": SAID["optional-dependencies"]["dev"]}


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_is_a_package_with_one_version_and_hashes(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    first = [line for line in lines if line and line[0] not in " #"]
    assert [line.partition("==")[0] for line in first] == [package.name for package in FOUND[name]]
    rest = [line for line in lines if line.startswith(" ") and not line.strip().startswith("#")]
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest)
    assert sum(len(package.hashes) for package in FOUND[name]) == len(rest) > len(first)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_says_nothing_of_where_packages_come_from(name: str) -> None:
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted| @ |-e ", (ROOT / name).read_text())


@pytest.mark.parametrize(
    "line",
    [
        "requests\n",
        "requests==2.34.2\n",
        "requests>=2 \\\n    --hash=sha256:" + HASH + "\n",
        "requests==2.34.2 \\\n    --hash=md5:0123\n",
        "--index-url https://packages.example/simple\n",
        "-e .\n",
        "requests @ https://files.example/requests.whl \\\n    --hash=sha256:" + HASH + "\n",
        f"requests==2.34.2 \\\n    --hash=sha256:{HASH} --index-url https://packages.example/simple\n",
    ],
)
def test_a_line_that_is_no_locked_package_is_refused(line: str) -> None:
    with pytest.raises(Refused, match="make lock"):
        locks.read(f"# made by make lock\nidna==3.20 \\\n    --hash=sha256:{HASH}\n    # via anyio\n{line}")


def test_a_lock_is_read_with_markers_hashes_and_who_wants_what() -> None:
    text = (
        f"# a lock\na-b==1.0 ; python_full_version < '3.12' \\\n    --hash=sha256:{'2' * 64} \\\n"
        f"    --hash=sha256:{'1' * 64}\n"
        f"    # via\n    #   -c requirements.txt\n    #   agora (pyproject.toml)\n    #   c\n"
        f"c[extra]==2 \\\n    --hash=sha256:{HASH}\n    # via d\n"
    )
    assert locks.read(text) == [
        Locked("a-b", "1.0", "python_full_version < '3.12'", ("1" * 64, "2" * 64), ("agora", "c")),
        Locked("c", "2", "", (HASH,), ("d",)),
    ]


def test_an_image_installs_what_is_for_its_python_and_for_linux() -> None:
    text = "".join(
        f"{name}==1 ; {marker} \\\n    --hash=sha256:{HASH}\n"
        for name, marker in [
            ("old", "python_full_version < '3.12'"),
            ("new", "python_full_version >= '3.12'"),
            ("windows", "sys_platform == 'win32'"),
        ]
    )
    assert [package.name for package in locks.in_image(locks.read(text), "3.13")] == ["new"]
    assert [package.name for package in locks.in_image(locks.read(text), "3.11")] == ["old"]


def test_an_image_has_the_same_packages_whatever_the_machine() -> None:
    found = FOUND["requirements-image.txt"]
    assert locks.in_image(found, "3.13", "x86_64") == locks.in_image(found, "3.13", "aarch64")


@pytest.mark.parametrize(("name", "wanted"), [(name, text) for name, texts in WANTED.items() for text in texts])
def test_what_the_project_asks_for_is_locked_at_a_version_that_it_takes(name: str, wanted: str) -> None:
    requirement = Requirement(wanted)
    versions = [one.version for one in FOUND[name] if one.name == canonicalize_name(requirement.name)]
    assert versions, f"{requirement.name} is not locked: make lock"
    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


def test_a_lock_has_nothing_directly_that_the_project_does_not_ask_for() -> None:
    asked = {canonicalize_name(Requirement(text).name) for texts in WANTED.values() for text in texts}
    for packages in FOUND.values():
        assert {one.name for one in packages if locks.OURS in one.wanted_by} <= asked


def test_developers_have_the_very_packages_of_the_product() -> None:
    developers = {(one.name, one.version): one.hashes for one in FOUND["requirements-dev.txt"]}
    assert all(developers.get((one.name, one.version)) == one.hashes for one in FOUND["requirements.txt"])
