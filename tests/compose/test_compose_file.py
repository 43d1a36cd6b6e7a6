"""What the compose file promises, held without an engine."""

import re
from graphlib import TopologicalSorter
from typing import Any

import pytest

from agora.discovery import folders
from agora.embedded import kafka, postgres
from tests.compose.composed import ROOT, VARIABLE, composed, containers, default, is_ours, runs, secret_parts

JOBS = {"secrets", "migrate", "topics", "welcome"}
SERVERS = {"postgres": "postgres:18", "kafka": "apache/kafka:4.3.1"}
NEVER_UP = {"cli"}
TRADERS = {"trader"}
OURS = [name for name, container in containers().items() if is_ours(container)]
SERVICES = {name: container for name, container in containers().items() if runs(container)}


def test_it_runs_every_service_that_there_is_and_no_other() -> None:
    assert {name: runs(container) for name, container in SERVICES.items()} == {name: name for name in folders()}
    assert set(containers()) == SERVICES.keys() | JOBS | SERVERS.keys() | NEVER_UP | TRADERS


@pytest.mark.parametrize("name", OURS)
def test_nobody_can_write_or_gain_rights_in_a_container_of_ours(name: str) -> None:
    container = containers()[name]
    assert container["user"] == "10001:10001"
    assert container["read_only"] is True
    assert [mount.split(":")[0] for mount in container["tmpfs"]] == ["/tmp"]  # noqa: S108 - a mount point
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["init"] is True
    assert container["mem_limit"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & container.keys()


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_has_no_more_rights_than_it_needs(name: str) -> None:
    container = containers()[name]
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & container.keys()


def test_images_are_ours_or_official() -> None:
    assert {name: container["image"] for name, container in containers().items() if name not in OURS} == SERVERS
    assert [name for name, container in containers().items() if "build" in container] == ["secrets"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_sees_its_own_secrets_alone(name: str) -> None:
    assert secret_parts(SERVICES[name]) == [f"services/{name}"]


def test_only_jobs_and_the_command_line_see_the_administrators_secrets() -> None:
    others = {name: secret_parts(found) for name, found in containers().items() if name not in SERVICES}
    assert {name: parts for name, parts in others.items() if parts} == {
        "secrets": [""],
        "postgres": ["postgres"],
        "migrate": ["migrate"],
        "cli": ["operator"],
        "trader": ["trader"],
    }


def test_no_secret_has_a_value_in_the_repository() -> None:
    for text in (place.read_text() for place in (ROOT / "docker-compose.yml", ROOT / ".env.example")):
        assert not re.search(r"://[^/\s]*:[^/\s]*@", text), "a URL holds a password"
        settings = re.findall(r"^[ #-]*([A-Za-z_]+) *[:=] *(\S.*)$", text, re.MULTILINE)
        assert len(settings) > 10
        secret = {n: v for n, v in settings if re.search(r"PASSWORD|TOKEN|SECRET|CREDENTIAL|_KEY", n)}
        assert {name: value for name, value in secret.items() if not name.endswith("_FILE")} == {}


def test_nothing_stands_in_the_way_of_more_processes_of_a_service() -> None:
    assert not any({"container_name", "hostname"} & container.keys() for container in containers().values())
    assert [name for name, container in SERVICES.items() if "ports" in container] == ["gateway"]


def test_ports_are_open_to_this_machine_alone_unless_somebody_says_so() -> None:
    opened = [default(port) for container in containers().values() for port in container.get("ports", [])]
    assert sorted(opened) == ["127.0.0.1:15432:5432", "127.0.0.1:19092:19092", "127.0.0.1:8080:8080"]


def test_containers_start_in_an_order_that_there_is() -> None:
    graph = {name: set(found.get("depends_on", {})) for name, found in containers().items()}
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("secrets") < order.index("postgres") < order.index("migrate") < order.index("buyer")


@pytest.mark.parametrize("name", containers())
def test_who_comes_later_waits_for_a_jobs_end_and_for_anothers_health(name: str) -> None:
    for other, how in containers()[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in JOBS else "service_healthy"
        assert how == {"condition": expected}
        assert other in JOBS or "healthcheck" in containers()[other]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_servers_tables_and_topics(name: str) -> None:
    assert SERVICES[name]["depends_on"].keys() == {"kafka", "postgres", "migrate", "topics"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_services_health_is_its_readiness(name: str) -> None:
    probe = SERVICES[name]["healthcheck"]["test"]
    asked = probe[probe.index("agora.healthy") + 1 :]
    assert asked == (["127.0.0.1:8080"] if name == "gateway" else [])
    assert SERVICES[name]["environment"]["AGORA_WATCH"] == "0.0.0.0:9090"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_time_to_end_in_order_and_is_started_again(name: str) -> None:
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= 30
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_the_example_names_every_variable_with_the_value_it_has_anyway() -> None:
    text = "".join((ROOT / name).read_text() for name in ("docker-compose.yml", "deploy/compose/observe.yml"))
    used = VARIABLE.findall(text)
    assert len(used) == len(re.findall(r"\$\{?[A-Z]", text)), "every variable has a default"
    assert len(set(used)) == len(dict(used)), "a variable has one default"
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    assert dict(line.split("=", 1) for line in lines) == dict(used)


def test_volumes_hold_what_must_last() -> None:
    assert set(composed()["volumes"]) == {"secrets", "postgres", "kafka"}
    assert "postgres:/var/lib/postgresql" in containers()["postgres"]["volumes"]  # since 18, not its folder `data`
    assert "kafka:/var/lib/kafka/data" in containers()["kafka"]["volumes"]


def test_postgresql_is_set_as_the_one_that_we_bring() -> None:
    command: list[Any] = containers()["postgres"]["command"]
    given = dict(option.removeprefix("--").split("=", 1) for option in command[1:])
    ours = {name: value for name, value in postgres.SETTINGS.items() if name not in PLACES_OF_POSTGRESQL}
    assert given == ours


PLACES_OF_POSTGRESQL = {"listen_addresses", "unix_socket_directories"}


def test_kafka_is_set_as_the_one_that_we_bring() -> None:
    environment = containers()["kafka"]["environment"]
    ours = {f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in kafka.SETTINGS.items()}
    assert {name: environment.get(name) for name in ours} == ours
