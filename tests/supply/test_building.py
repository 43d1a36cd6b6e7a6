"""How the image is built: the labels that it carries, and what is never released."""

import re
import subprocess
from pathlib import Path

import pytest

from deploy.supply import ROOT, Refused, building, images
from deploy.supply.building import Wanted
from deploy.supply.images import Base, Pin
from deploy.supply.project import Checkout, Project, checkout, project

DIGEST = f"sha256:{'d' * 64}"
PIN = Pin(DIGEST, {})
FREE = Base("python:3.13-slim", None)
PINNED = Base("python:3.13-slim", PIN)
PROJECT = Project("agora", "1.2.3", "Agents that trade.", "MIT", "the Agora authors")
CLEAN = Checkout("f" * 40, 1_700_000_000, changed=False)
CHANGED = Checkout("f" * 40, 1_700_000_000, changed=True)
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def said(words: list[str], option: str) -> dict[str, str]:
    found = [words[at + 1] for at, word in enumerate(words) if word == option]
    return dict(text.split("=", 1) for text in found)


def labels(words: list[str]) -> dict[str, str]:
    return {name.removeprefix("org.opencontainers.image."): value for name, value in said(words, "--label").items()}


def test_a_release_is_built_from_the_digest_and_says_all_that_it_is() -> None:
    links = {"source": "https://code.example/agora", "url": "", "documentation": ""}
    words = building.arguments(Wanted("registry.example/agora", release=True, links=links), PROJECT, CLEAN, PINNED)
    assert words[words.index("--tag") + 1] == "registry.example/agora:1.2.3"
    assert said(words, "--build-arg") == {
        "BASE": f"python:3.13-slim@{DIGEST}",
        "VERSION": "1.2.3",
        "REVISION": "f" * 40,
        "SOURCE_DATE_EPOCH": "1700000000",
    }
    assert labels(words) == {
        "created": "2023-11-14T22:13:20Z",
        "base.name": "docker.io/library/python:3.13-slim",
        "base.digest": DIGEST,
        "source": "https://code.example/agora",
    }


def test_whoever_tries_something_out_builds_by_tag_and_no_label_says_otherwise() -> None:
    words = building.arguments(Wanted("agora", release=False), PROJECT, CHANGED, FREE)
    assert words[words.index("--tag") + 1] == "agora:local"
    assert said(words, "--build-arg")["BASE"] == "python:3.13-slim"
    assert said(words, "--build-arg")["REVISION"] == f"{'f' * 40}-changed"
    assert labels(words).keys() == {"created", "base.name"}


def test_the_same_commit_is_built_in_the_same_way() -> None:
    wanted = Wanted("agora", release=True)
    assert building.arguments(wanted, PROJECT, CLEAN, PINNED) == building.arguments(wanted, PROJECT, CLEAN, PINNED)


def test_every_build_argument_is_one_that_the_dockerfile_takes() -> None:
    words = building.arguments(Wanted("agora", release=True), PROJECT, CLEAN, PINNED)
    assert said(words, "--build-arg").keys() == set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))


def test_the_dockerfile_says_of_the_product_what_the_project_says() -> None:
    found = dict(re.findall(r'org\.opencontainers\.image\.([\w.]+)="([^"]*)"', DOCKERFILE))
    product = project()
    assert found == {
        "title": "Agora",
        "description": product.description,
        "licenses": product.licence,
        "vendor": product.vendor,
        "version": "${VERSION}",
        "revision": "${REVISION}",
        "base.name": "${BASE}",
    }


def test_a_base_without_a_digest_is_not_released() -> None:
    found = building.refusals(FREE, {FREE.name: None}, project())
    assert any(re.search(r"python:3\.13-slim is not pinned.*make pin", reason) for reason in found)
    with pytest.raises(Refused, match=r"No release is built:\n- python:3\.13-slim is not pinned"):
        building.release(CLEAN, found)


def test_a_bill_of_another_version_is_not_released() -> None:
    (reason,) = building.refusals(images.base(), {images.base().name: PIN}, PROJECT)
    assert "(the version). Make it anew: make sbom" in reason


def test_what_no_commit_has_is_not_released() -> None:
    with pytest.raises(Refused, match="changes that no commit has"):
        building.release(CHANGED, [])


def test_what_is_pinned_billed_and_committed_is_released() -> None:
    base = images.base()
    assert building.refusals(base, {base.name: PIN}, project()) == []
    building.release(CLEAN, [])


def test_the_command_says_why_it_builds_no_release_and_builds_none(tmp_path: Path) -> None:
    home = tmp_path / "agora"
    subprocess.run(["git", "init", "--quiet", home], check=True)  # noqa: S607
    with pytest.raises(Refused, match="An image says which commit it is of"):
        checkout(home)
    git(home, "commit", "--quiet", "--allow-empty", "--message", "first")
    assert not checkout(home).changed
    (home / "new").touch()
    assert checkout(home).changed


def git(home: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=home, check=True)  # noqa: S607
