"""The bill of materials: valid, complete, the same for the same parts, and of what the image really holds."""

import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import metadata, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from packaging.utils import canonicalize_name

from deploy.supply import BILL, REQUIREMENTS, ROOT, images, locks
from deploy.supply.bill import Part, bill, differences
from deploy.supply.images import Base, Pin
from deploy.supply.licences import is_allowed, licence
from deploy.supply.locks import Locked
from deploy.supply.project import Project, project

DIGEST = f"sha256:{'d' * 64}"
FREE = Base("python:3.13-slim", None)
PINNED = Base("python:3.13-slim", Pin(DIGEST, {}))
PROJECT = Project("agora", "1.2.3", "Agents that trade.", "MIT", "the Agora authors")
IDNA = Part(Locked("idna", "3.20", "", ("1" * 64, "2" * 64), ("yarl",)), "BSD-3-Clause", "Names")
YARL = Part(Locked("yarl", "1.25.1", "", ("3" * 64,), ("agora",)), "Apache-2.0 OR MIT", "Addresses")
LOCKED = locks.in_image(locks.read(REQUIREMENTS.read_text()), images.base().python)
COMMITTED = json.loads(BILL.read_text())


def schema(version: str) -> Any:
    """CycloneDX's own schema, as its library ships it, with those that it refers to."""
    folder = files("cyclonedx.schema") / "_res"
    names = [f"{name}.SNAPSHOT.schema.json" for name in (f"bom-{version}", *OTHERS)]
    found = {f"{WHERE}{name}": json.loads((folder / name).read_text()) for name in names}
    registry = jsonschema_rs.Registry(list(found.items()))
    return jsonschema_rs.validator_for(found[f"{WHERE}{names[0]}"], registry=registry, validate_formats=True)


WHERE = "http://cyclonedx.org/schema/"
OTHERS = ("spdx", "jsf-0.82")


def made(base: Base = FREE, *parts: Part) -> dict[str, Any]:
    return json.loads(bill(PROJECT, base, parts or (IDNA, YARL)))


def component(found: dict[str, Any], ref: str) -> dict[str, Any]:
    (one,) = [one for one in found["components"] if one["bom-ref"] == ref]
    return one


def test_the_committed_bill_is_valid_cyclonedx() -> None:
    schema("1.6").validate(COMMITTED)
    broken = {**COMMITTED, "components": [{"name": "nothing but a name"}]}
    assert not schema("1.6").is_valid(broken)


@pytest.mark.parametrize("base", [FREE, PINNED])
def test_a_bill_is_valid_cyclonedx(base: Base) -> None:
    schema("1.6").validate(made(base))


def test_the_committed_bill_is_of_this_project_its_lock_and_its_base() -> None:
    text = BILL.read_text()
    assert differences(text, project(), images.base(), LOCKED) == [], "make sbom"
    theirs = {one["name"]: one["version"] for one in COMMITTED["components"] if one["type"] == "library"}
    assert theirs == {package.name: package.version for package in LOCKED}


@pytest.mark.parametrize("package", LOCKED, ids=lambda package: package.name)
def test_the_committed_bill_says_of_a_package_what_it_says_itself(package: Locked) -> None:
    said = component(COMMITTED, package.name)
    assert said["purl"] == f"pkg:pypi/{package.name}@{package.version}"
    assert [one["content"] for one in said["externalReferences"][0]["hashes"]] == sorted(package.hashes)
    (terms,) = said["licenses"]
    told = terms.get("expression") or terms["license"]["id"]
    assert is_allowed(told)
    if version(package.name) == package.version:  # another Python has another version of a few
        assert told == licence(metadata(package.name))


def test_every_package_of_the_bill_is_reached_from_the_image() -> None:
    needs = {one["ref"]: one.get("dependsOn", []) for one in COMMITTED["dependencies"]}
    reached, left = set[str](), ["image"]
    while left:
        ref = left.pop()
        reached.add(ref)
        left += [other for other in needs[ref] if other not in reached]
    assert reached == {"image", *(one["bom-ref"] for one in COMMITTED["components"])}


def test_a_bill_says_what_the_image_is_made_of() -> None:
    found = made()
    assert found["metadata"]["component"] | {"description": ""} == {
        "bom-ref": "image",
        "type": "container",
        "name": "agora",
        "version": "1.2.3",
        "description": "",
        "licenses": [{"license": {"id": "MIT"}}],
        "properties": [{"name": "agora:python", "value": "3.13"}],
    }
    assert component(found, "agora")["type"] == "application"
    assert component(found, "yarl")["licenses"] == [{"expression": "Apache-2.0 OR MIT"}]
    needs = {one["ref"]: one.get("dependsOn", []) for one in found["dependencies"]}
    assert needs == {"image": ["agora", "base"], "agora": ["yarl"], "yarl": ["idna"], "idna": [], "base": []}


def test_a_base_that_is_not_pinned_has_no_digest_in_the_bill() -> None:
    assert DIGEST.removeprefix("sha256:") not in json.dumps(made(FREE))
    assert component(made(FREE), "base")["purl"] == "pkg:docker/python@3.13-slim"
    base = component(made(PINNED), "base")
    assert base["hashes"] == [{"alg": "SHA-256", "content": "d" * 64}]
    assert base["purl"] == f"pkg:docker/python@{DIGEST}?tag=3.13-slim"


def test_the_same_parts_give_the_same_bytes_in_whatever_order_and_at_whatever_time() -> None:
    first = bill(PROJECT, PINNED, [IDNA, YARL])
    assert bill(PROJECT, PINNED, [YARL, IDNA]) == first
    assert "timestamp" not in first


def test_other_parts_have_another_serial_number() -> None:
    newer = replace(IDNA, locked=replace(IDNA.locked, version="3.21"))
    found = [made(FREE, IDNA, YARL), made(PINNED, IDNA, YARL), made(FREE, newer, YARL)]
    assert len({one["serialNumber"] for one in found}) == 3


def test_what_changed_since_the_bill_was_made_is_named() -> None:
    text, packages = bill(PROJECT, FREE, [IDNA, YARL]), [IDNA.locked, YARL.locked]
    assert differences(text, PROJECT, FREE, packages) == []
    assert differences(text, replace(PROJECT, version="2"), FREE, packages) == ["the version"]
    assert differences(text, PROJECT, PINNED, packages) == ["the base"]
    assert differences(text, PROJECT, replace(FREE, name="python:3.14-slim"), packages) == [
        "the base",
        "the version of Python",
    ]
    assert differences(text, PROJECT, FREE, [IDNA.locked]) == ["the package yarl"]
    other_file = replace(IDNA.locked, hashes=("4" * 64,))
    assert differences(text, PROJECT, FREE, [other_file, YARL.locked]) == ["the package idna"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages that is exactly what a bill for this Python says."""
    found = made(Base(f"python:{sys.version_info.major}.{sys.version_info.minor}-slim", None))
    (tmp_path / "sbom.json").write_text(json.dumps(found))
    for part in (IDNA, YARL):
        install(tmp_path, part.locked.name, part.locked.version)
    return tmp_path


def install(site: Path, name: str, version: str) -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def held_to(site: Path) -> "subprocess.CompletedProcess[str]":
    script = ROOT / "deploy" / "supply" / "installed.py"
    command = [sys.executable, "-I", "-S", script, site / "sbom.json", site]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_an_image_is_built_if_the_bill_says_what_is_installed(site: Path) -> None:
    done = held_to(site)
    assert (done.returncode, done.stderr) == (0, "")
    assert (site / "sbom.json").exists()


@pytest.mark.parametrize(("name", "version"), [("stowaway", "0.1"), ("Idna", "3.19")])
def test_no_image_is_built_with_a_package_that_the_bill_does_not_have(site: Path, name: str, version: str) -> None:
    install(site, name, version)
    done = held_to(site)
    assert done.returncode == 1
    assert f"{canonicalize_name(name)} {version}. Make it anew: make sbom" in done.stderr


def test_no_image_is_built_without_a_package_that_the_bill_has(site: Path) -> None:
    (site / "idna-3.20.dist-info" / "METADATA").unlink()
    (site / "idna-3.20.dist-info").rmdir()
    assert "idna 3.20" in held_to(site).stderr


def test_an_image_on_another_python_carries_no_bill_rather_than_a_wrong_one(site: Path) -> None:
    (site / "sbom.json").write_text(bill(PROJECT, replace(FREE, name="python:3.1-slim"), []))
    done = held_to(site)
    assert done.returncode == 0
    assert "the image carries no bill" in done.stdout
    assert not (site / "sbom.json").exists()
