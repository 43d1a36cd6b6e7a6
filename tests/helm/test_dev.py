"""The servers of mode dev: official, set as those that ``agora up`` brings, and loudly not for keeps."""

import re
from typing import Any, Final

import yaml

from agora.discovery import folders
from agora.embedded import kafka, postgres
from agora.provision import names_of
from tests.compose.composed import FILE
from tests.helm.chart import CASES, CHART, NAMESPACE, Object, containers, helm, needs_helm, objects, of_kind, pods
from tests.helm.test_pods import is_ours

pytestmark = needs_helm

PLACES: Final = {"listen_addresses", "unix_socket_directories"}
ANOTHER_DOOR: Final = {"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"}


def servers() -> dict[str, Object]:
    found = [c for _, pod in pods(objects("dev")) for c in containers(pod) if not is_ours(c)]
    return {c["image"].partition(":")[0]: c for c in found if "ports" in c}


def test_the_images_are_those_of_the_marketplace_in_containers() -> None:
    composed: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    assert {c["image"] for c in servers().values()} == {composed["postgres"]["image"], composed["kafka"]["image"]}


def test_postgresql_is_set_as_the_one_that_we_bring() -> None:
    told = [*servers()["postgres"].get("command", []), *servers()["postgres"].get("args", [])]
    given = dict(re.findall(r"^(?:--|-c\s*)?([a-z_]+)=(.*)$", "\n".join(told), re.MULTILINE))
    ours = {key: value for key, value in postgres.SETTINGS.items() if key not in PLACES}
    assert {key: given.get(key) for key in ours} == ours


def test_kafka_is_set_as_the_one_that_we_bring() -> None:
    told = {variable["name"]: variable.get("value") for variable in servers()["apache/kafka"]["env"]}
    ours = {f"KAFKA_{key.replace('.', '_').upper()}": value for key, value in kafka.SETTINGS.items()}
    assert {key: told.get(key) for key in ours.keys() - ANOTHER_DOOR} == {
        key: value for key, value in ours.items() if key not in ANOTHER_DOOR
    }


def test_every_database_and_role_is_made_at_the_first_start_and_no_password_stands_in_the_script() -> None:
    texts = [text for one in of_kind(objects("dev"), "ConfigMap") for text in one["data"].values()]
    (script,) = (text for text in texts if "ROLE" in text)
    for service in folders():
        names = names_of(service)
        for word in (names.database, names.role, names.owner):
            assert re.search(rf"\b{word}\b", script), word
    assert not re.search(r"PASSWORD '[^:]", script)


def test_whoever_installs_it_is_told_that_it_is_not_for_keeps() -> None:
    values = ("--namespace", NAMESPACE, "--values", CASES / "dev.yaml")
    made = helm("install", "market", CHART, *values, "--dry-run=client")
    assert made.returncode == 0, made.stderr
    notes = made.stdout.partition("NOTES:")[2]
    assert "MODE dev" in notes
    assert "keep nothing in it" in notes
    assert "helm test" in notes
