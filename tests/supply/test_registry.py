"""What a registry says a tag means is looked up and checked."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.supply import Refused
from deploy.supply.images import Pin
from deploy.supply.registry import MANIFEST_BYTES_MAX, Reference, look_up, refer
from tests.supply.registry_here import INDEX, MANIFEST, Registry, running

AMD = f"sha256:{'a' * 64}"
ARM = f"sha256:{'b' * 64}"
PROOF = f"sha256:{'c' * 64}"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running(Registry()) as found:
        yield found


def index(*of_platforms: tuple[str, str, str, str]) -> dict[str, Any]:
    manifests = [
        {"digest": digest, "size": 1, "platform": {"os": os, "architecture": machine, "variant": kind}}
        for digest, os, machine, kind in of_platforms
    ]
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}


PYTHON = index((AMD, "linux", "amd64", ""), (ARM, "linux", "arm64", "v8"), (PROOF, "unknown", "unknown", ""))


def digest_of(content: Any) -> str:
    return f"sha256:{hashlib.sha256(json.dumps(content).encode()).hexdigest()}"


def test_a_tag_is_pinned_to_the_digest_for_all_platforms_and_to_that_of_each(registry: Registry) -> None:
    name = registry.has("library/python:3.13-slim", PYTHON)
    assert look_up(name) == Pin(digest_of(PYTHON), {"linux/amd64": AMD, "linux/arm64/v8": ARM})


def test_an_image_for_one_platform_is_pinned_as_well(registry: Registry) -> None:
    content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": []}
    name = registry.has("ours/agora:1", content, MANIFEST)
    assert look_up(name) == Pin(digest_of(content), {})


def test_a_registry_that_wants_a_token_of_everybody_gets_it(registry: Registry) -> None:
    registry.wants_token = True
    name = registry.has("library/postgres:18", PYTHON)
    assert look_up(name).digest == digest_of(PYTHON)
    assert "/token?service=here&scope=repository%3Alibrary%2Fpostgres%3Apull" in registry.asked


def test_a_token_is_not_fetched_in_the_clear_from_elsewhere(registry: Registry) -> None:
    registry.wants_token, registry.realm = True, "http://elsewhere.invalid/token"
    with pytest.raises(Refused, match="only to those who log in"):
        look_up(registry.has("library/postgres:18", PYTHON))


def test_a_registry_that_sends_another_thing_than_it_says_is_not_believed(registry: Registry) -> None:
    name = registry.has("library/python:3.13-slim", PYTHON)
    registry.digests_said["library/python:3.13-slim"] = AMD
    with pytest.raises(Refused, match=f"is {AMD}, but what it sent is {digest_of(PYTHON)}"):
        look_up(name)


def test_an_image_that_is_not_there_is_refused(registry: Registry) -> None:
    with pytest.raises(Refused, match="answers 404"):
        look_up(f"{registry.address}/library/python:9.99")


@pytest.mark.parametrize(
    "content",
    [
        {"mediaType": "text/html"},
        {"schemaVersion": 1, "fsLayers": []},
        ["no", "object"],
        index(("sha256:short", "linux", "amd64", "")),
        index((AMD + "0", "linux", "amd64", "")),
        {"mediaType": INDEX, "manifests": ["no object"]},
        {"mediaType": INDEX, "manifests": [{"digest": AMD, "platform": "linux/amd64"}]},
    ],
)
def test_what_is_no_manifest_pins_nothing(registry: Registry, content: Any) -> None:
    with pytest.raises(Refused, match="What the registry sends of"):
        look_up(registry.has("library/python:3.13-slim", content))


def test_an_answer_without_end_is_cut_off(registry: Registry) -> None:
    name = registry.has("library/python:3.13-slim", {"mediaType": INDEX, "manifests": ["x" * MANIFEST_BYTES_MAX]})
    with pytest.raises(Refused, match=f"sends more than {MANIFEST_BYTES_MAX:,} bytes"):
        look_up(name)


def test_a_registry_that_is_not_there_is_said_to_be_so() -> None:
    with running(Registry()) as gone:
        pass
    with pytest.raises(Refused, match=f"{gone.address} was asked for .* and did not answer"):
        look_up(f"{gone.address}/library/python:3.13-slim")


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("python:3.13-slim", Reference("registry-1.docker.io", "library/python", "3.13-slim")),
        ("apache/kafka:4.3.1", Reference("registry-1.docker.io", "apache/kafka", "4.3.1")),
        ("docker.io/library/postgres:18", Reference("registry-1.docker.io", "library/postgres", "18")),
        ("registry.example:5000/team/agora:1", Reference("registry.example:5000", "team/agora", "1")),
    ],
)
def test_a_short_name_means_what_it_means_to_docker(name: str, where: Reference) -> None:
    assert refer(name) == where
    assert where.url.startswith("https://")


@pytest.mark.parametrize("name", ["python", "apache/kafka", "python:3.13/slim", "python:"])
def test_a_name_without_a_tag_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="names no tag"):
        refer(name)
