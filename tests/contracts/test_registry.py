"""What a registry promises Agora. With AGORA_TEST_APICURIO=1 a real one, fetched once, keeps the same promises."""

import json
import os
import secrets
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from agora.contracts.known import versions
from agora.contracts.registries.client import Registry, Status
from agora.contracts.registries.subjects import Entry, Level, Side, Strategy, entries
from agora.contracts.schema import JsonSchema, contract_of
from tests.contracts.apicurio import apicurio
from tests.contracts.fake_registry import fake_registry

REGISTRIES = ("fake", "apicurio") if os.environ.get("AGORA_TEST_APICURIO") else ("fake",)
ORDER: JsonSchema = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {"order": {"type": "string"}, "quantity": {"type": "integer"}},
    "required": ["order", "quantity"],
    "additionalProperties": False,
}
WITH_A_NOTE = {**ORDER, "properties": {**ORDER["properties"], "note": {"type": "string"}}}
QUANTITY_AS_TEXT = {**ORDER, "properties": {**ORDER["properties"], "quantity": {"type": "string"}}}


@pytest.fixture(scope="module", params=REGISTRIES)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with ExitStack() as stack:
        if request.param == "fake":
            yield stack.enter_context(fake_registry()).url
        else:
            yield stack.enter_context(apicurio(tmp_path_factory.mktemp("registry") / "apicurio"))


@pytest.fixture
def registry(url: str) -> Generator[Registry]:
    with Registry(url) as opened:
        opened.check()
        yield opened


@pytest.fixture
def subject() -> str:
    return f"OrderPlaced.v{secrets.randbelow(10**12)}-written"


def entry(subject: str, schema: JsonSchema) -> Entry:
    return Entry(subject, "OrderPlaced.v1", Side.WRITTEN, json.dumps(schema, sort_keys=True))


def test_a_schema_is_registered_once_under_one_id(registry: Registry, subject: str) -> None:
    first = registry.push(entry(subject, ORDER), Level.FULL)
    again = registry.push(entry(subject, ORDER), Level.FULL)
    assert (first.status, again.status) == (Status.REGISTERED, Status.PRESENT)
    assert first.id == again.id
    assert first.id is not None


def test_a_schema_that_the_level_allows_comes_beside_the_one_before(registry: Registry, subject: str) -> None:
    first = registry.push(entry(subject, ORDER), Level.BACKWARD)
    second = registry.push(entry(subject, WITH_A_NOTE), Level.BACKWARD)
    assert second.status is Status.REGISTERED
    assert second.id != first.id
    assert registry.push(entry(subject, ORDER), Level.BACKWARD) == replace(first, status=Status.PRESENT)


@pytest.mark.parametrize(
    ("level", "old", "new"),
    [
        pytest.param(Level.BACKWARD, WITH_A_NOTE, ORDER, id="backward-a-field-less"),
        pytest.param(Level.BACKWARD, ORDER, QUANTITY_AS_TEXT, id="backward-another-type"),
        pytest.param(Level.FORWARD, ORDER, WITH_A_NOTE, id="forward-a-field-more"),
        pytest.param(Level.FORWARD, ORDER, QUANTITY_AS_TEXT, id="forward-another-type"),
        pytest.param(Level.FULL, ORDER, WITH_A_NOTE, id="full-a-field-more"),
        pytest.param(Level.FULL_TRANSITIVE, WITH_A_NOTE, ORDER, id="full-transitive-a-field-less"),
    ],
)
def test_a_schema_that_breaks_the_level_is_refused_in_the_registrys_words(
    registry: Registry, subject: str, level: Level, old: JsonSchema, new: JsonSchema
) -> None:
    registry.push(entry(subject, old), level)
    for _ in range(2):
        answer = registry.push(entry(subject, new), level)
        assert (answer.status, answer.id) == (Status.REFUSED, None)
        assert "ncompatible" in answer.reason
        assert subject in answer.reason


def test_a_transitive_level_looks_at_every_schema_before(registry: Registry, subject: str) -> None:
    registry.push(entry(subject, ORDER), Level.NONE)
    registry.push(entry(subject, QUANTITY_AS_TEXT), Level.NONE)
    with_a_note = {**WITH_A_NOTE, "properties": {**WITH_A_NOTE["properties"], "quantity": {"type": "string"}}}
    assert registry.push(entry(subject, with_a_note), Level.BACKWARD_TRANSITIVE).status is Status.REFUSED
    assert registry.push(entry(subject, with_a_note), Level.BACKWARD).status is Status.REGISTERED


def test_another_level_holds_from_then_on(registry: Registry, subject: str) -> None:
    registry.push(entry(subject, ORDER), Level.FULL)
    assert registry.push(entry(subject, QUANTITY_AS_TEXT), Level.FULL).status is Status.REFUSED
    assert registry.push(entry(subject, QUANTITY_AS_TEXT), Level.NONE).status is Status.REGISTERED


def test_what_is_no_schema_is_refused(registry: Registry, subject: str) -> None:
    answer = registry.push(entry(subject, {"type": "banana"}), Level.FULL)
    assert answer.status is Status.REFUSED
    assert answer.reason


@pytest.mark.parametrize("side", list(Side))
def test_every_schema_of_agora_is_kept_and_compared(registry: Registry, subject: str, side: Side) -> None:
    pushed = entries((contract_of(event) for event in versions()), Strategy.VERSION, [side])
    for one in pushed:
        ours = replace(one, subject=f"{subject}-{one.subject}")
        assert registry.push(ours, Level.FULL).status is Status.REGISTERED
        assert registry.push(ours, Level.FULL).status is Status.PRESENT
        schema = json.loads(one.schema)
        changed = {**schema, "properties": {**schema["properties"], "news": {"type": "string"}}, "required": ["news"]}
        answer = registry.push(replace(ours, schema=json.dumps(changed, sort_keys=True)), Level.FULL)
        assert (answer.status, one.subject) == (Status.REFUSED, one.subject)
