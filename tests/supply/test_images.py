"""Images of others: all are in the lock, and what is not pinned is never called pinned."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.supply import DIGESTS, ROOT, Refused, images
from deploy.supply.images import Pin

DIGEST = f"sha256:{'1' * 64}"
OTHER = f"sha256:{'2' * 64}"
PIN = Pin(DIGEST, {"linux/amd64": OTHER})
VALUES = ROOT / "deploy" / "helm" / "agora" / "values.yaml"
IMAGE = re.compile(r"[a-z0-9][a-z0-9._/-]*:v?\d[\w.-]*")


def texts(node: Any) -> list[str]:
    """All texts in a document, however deep."""
    match node:
        case str():
            return [node]
        case dict():
            return [text for value in node.values() for text in texts(value)]
        case list():
            return [text for value in node for text in texts(value)]
        case _:
            return []


def composed() -> dict[str, str]:
    """Every image of others, read as YAML reads it."""
    files = [yaml.safe_load((ROOT / name).read_text()) for name in ("docker-compose.yml", "deploy/compose/observe.yml")]
    found = {name: container["image"] for file in files for name, container in file["services"].items()}
    return {name: image for name, image in found.items() if not image.startswith("${")}


def test_the_lock_names_every_image_that_the_repository_names_and_no_other() -> None:
    base = re.findall(r"^ARG BASE=(.*)$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    chart = [text for text in texts(yaml.safe_load(VALUES.read_text())) if IMAGE.fullmatch(text)]
    assert images.pins().keys() == {*base, *composed().values(), *chart}, "python -m deploy.supply pin --names"
    assert images.named() == sorted(images.pins())
    assert images.composed() == composed()


def test_no_image_is_named_without_a_tag_or_as_the_latest() -> None:
    assert all(":" in name and not name.endswith(":latest") for name in images.named())


def test_the_dockerfile_builds_on_nothing_but_the_base() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${BASE}"}
    assert "# syntax" not in dockerfile, "that would be an image, too"


def test_the_lock_is_written_as_it_is_read() -> None:
    assert images.written(images.pins()) == DIGESTS.read_text()


def test_pinning_writes_what_was_looked_up(tmp_path: Path) -> None:
    place = tmp_path / "images.json"
    images.pin({"a:1": PIN, "b:2": Pin(OTHER, {})}.__getitem__, ["b:2", "a:1"], place)
    assert images.pins(place) == {"a:1": PIN, "b:2": Pin(OTHER, {})}
    assert list(json.loads(place.read_text())) == ["a:1", "b:2"]


def test_if_one_digest_cannot_be_had_all_stay_as_they_are(tmp_path: Path) -> None:
    place = tmp_path / "images.json"
    place.write_text(before := images.written({"a:1": None, "b:2": PIN}))
    with pytest.raises(Refused):
        images.pin(lambda name: PIN if name == "a:1" else refuse(), ["a:1", "b:2"], place)
    assert place.read_text() == before


def refuse() -> Pin:
    raise Refused("no answer")


def test_a_name_that_is_new_is_entered_unpinned_and_the_others_stay() -> None:
    assert images.entered(["a:1", "c:3"], {"a:1": PIN, "b:2": PIN}) == {"a:1": PIN, "c:3": None}


@pytest.mark.parametrize("name", images.named())
def test_what_we_build_on_or_run_is_pinned(name: str) -> None:
    assert images.pinned(name, images.pins()).startswith(f"{name}@sha256:")


def test_a_pinned_image_is_named_by_tag_and_digest() -> None:
    assert images.pinned("postgres:18", {"postgres:18": PIN}) == f"postgres:18@{DIGEST}"


@pytest.mark.parametrize("pins", [{}, {"postgres:18": None}, {"postgres:17": PIN}])
def test_an_image_that_nobody_looked_up_is_not_called_pinned(pins: dict[str, Pin | None]) -> None:
    with pytest.raises(Refused, match=r"postgres:18 is not pinned.*make pin"):
        images.pinned("postgres:18", pins)


@pytest.mark.parametrize(
    "said",
    [
        {"digest": "sha256:12", "platforms": {}},
        {"digest": DIGEST},
        {"digest": DIGEST, "platforms": {"linux/amd64": "latest"}},
        {"digest": DIGEST, "platforms": {}, "more": 1},
        DIGEST,
    ],
)
def test_a_lock_with_what_is_no_digest_is_refused(tmp_path: Path, said: Any) -> None:
    place = tmp_path / "images.json"
    place.write_text(json.dumps({"postgres:18": said}))
    with pytest.raises(Refused, match="make pin"):
        images.pins(place)


def test_compose_can_be_told_to_run_the_pinned_images_alone() -> None:
    pins: dict[str, Pin | None] = dict.fromkeys(images.named(), PIN)
    found = yaml.safe_load(images.override(pins))["services"]
    assert found == {name: {"image": f"{image}@{DIGEST}"} for name, image in composed().items()}
    with pytest.raises(Refused):
        images.override({**pins, "postgres:18": None})
