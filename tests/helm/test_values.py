"""What people may set: every value is described and checked, and what is set wrongly is said in words."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from agora.discovery import folders
from agora.papers.chart import described
from tests.helm.chart import CHART, needs_helm, refused

VALUES: Final[dict[str, Any]] = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA: Final[dict[str, Any]] = json.loads((CHART / "values.schema.json").read_text())
OPEN: Final = {"env", "podAnnotations", "nodeSelector", "affinity", "labels", "annotations", "tolerations", "egress"}
"""Values whose own keys are people's or Kubernetes'."""


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with what it refers to in its place."""
    while "$ref" in schema:
        at: Any = SCHEMA
        for part in schema["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        schema = {**at, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def in_values(tree: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from in_values(value, (*path, key))


def in_schema(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    fields: dict[str, dict[str, Any]] = resolved(schema).get("properties", {})
    if path == ("services",):
        fields = {name: resolved(schema)["additionalProperties"] for name in folders()}
    for key, part in fields.items():
        yield (*path, key), resolved(part)
        yield from in_schema(resolved(part), (*path, key))


def objects_of(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of an object, wherever it stands."""
    schema = resolved(schema)
    if "properties" in schema or schema.get("type") == "object":
        yield path, schema
    for key, part in schema.get("properties", {}).items():
        yield from objects_of(part, f"{path}.{key}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from objects_of(schema[key], f"{path}[{key}]")


def of_one_service(path: tuple[str, ...]) -> bool:
    """What can be said of one service is not in the values: its defaults are elsewhere."""
    return path[0] == "services" and len(path) > 2


def test_every_value_is_in_the_schema_and_every_name_of_the_schema_is_a_value() -> None:
    values = set(in_values(VALUES))
    schema = {path for path, _ in in_schema(SCHEMA)}
    assert {path for path in values if not OPEN & set(path[:-1])} <= schema
    assert {path for path in schema if not of_one_service(path)} <= values


def test_every_value_is_described_in_words_in_both_places() -> None:
    words = {value.path: value.words for value in described((CHART / "values.yaml").read_text())}
    for path, part in in_schema(SCHEMA):
        at = ".".join(path)
        is_section = bool(part.get("properties")) or path == ("services",)
        if not of_one_service(path) and not is_section:
            assert words[path], f"values.yaml: {at}"
        if not is_section:
            assert part.get("description"), f"values.schema.json: {at}"


def test_a_name_that_is_not_known_is_refused_wherever_it_stands() -> None:
    for at, part in objects_of(SCHEMA):
        if at != ".services" and not OPEN & set(at.replace("[", ".").replace("]", "").split(".")):
            assert part.get("additionalProperties") is False, at or "the values"


@needs_helm
@pytest.mark.parametrize(
    ("setting", "place", "words"),
    [
        ("modus=1", "", "modus"),
        ('kafka={"bootsrap":"a:1"}', "kafka", "bootsrap"),
        ('services={"product":{"replica":2}}', "services/product", "replica"),
        ("postgres.port=99999", "postgres/port", "65,535"),
        ("postgres.port=0", "postgres/port", "minimum"),
        ('postgres.port="5432"', "postgres/port", "want integer"),
        ("gateway.port=99999", "gateway/port", "65,535"),
        ("defaults.replicas=-1", "defaults/replicas", "minimum"),
        ("defaults.replicas=513", "defaults/replicas", "512"),
        ("defaults.replicas=1.5", "defaults/replicas", "want integer"),
        ("partitions=513", "partitions", "512"),
        ("partitions=0", "partitions", "minimum"),
        ('image.pullPolicy="Sometimes"', "image/pullPolicy", "IfNotPresent"),
        ('image.digest="sha256:1234"', "image/digest", "pattern"),
        ('mode="production"', "mode", "external"),
        ('namespacePrefix="EU-"', "namespacePrefix", "pattern"),
        ('defaults.resources.limits.memory="lots"', "defaults/resources/limits/memory", "pattern"),
        ('operators.kafka.storage="-1Gi"', "operators/kafka/storage", "pattern"),
        ('monitoring.podMonitor.interval="soon"', "monitoring/podMonitor/interval", "pattern"),
        ('services={"product":{"shares":[{"partitions":"a-b","host":"h"}]}}', "shares/0/partitions", "pattern"),
        ("stop.terminationGraceSeconds=-1", "stop/terminationGraceSeconds", "minimum"),
        ('autoscaling.kind="magic"', "autoscaling/kind", "keda"),
        ('postgres.sslmode="maybe"', "postgres/sslmode", "verify-full"),
        ('kafka.bootstrap="kafka"', "kafka/bootstrap", "pattern"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_and_named(setting: str, place: str, words: str) -> None:
    said = refused("external", setting)
    assert "values don't meet the specifications of the schema" in said
    assert place in said
    assert words in said
