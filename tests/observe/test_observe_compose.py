"""The containers of the profile `observe`: who may do what, and that nobody has a password to guess."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/compose/observe.yml"
WHOLE: Any = yaml.safe_load(FILE.read_text())
CONTAINERS: dict[str, Any] = WHOLE["services"]
PINNED = r"(otel/opentelemetry-collector|prom/prometheus|grafana/grafana|jaegertracing/jaeger):v?\d+\.\d+\.\d+"
OURS = "${AGORA_IMAGE:-agora:local}"


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_there_only_when_asked_for_and_can_do_little(name: str) -> None:
    container = CONTAINERS[name]
    assert container["profiles"] == ["observe"]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["mem_limit"]
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "container_name"} & container.keys()


@pytest.mark.parametrize("name", CONTAINERS)
def test_an_image_is_ours_or_pinned(name: str) -> None:
    image = CONTAINERS[name]["image"]
    assert image == OURS if name == "traces" else re.fullmatch(PINNED, image)


def test_nothing_is_open_beyond_this_machine() -> None:
    ports = [port for container in CONTAINERS.values() for port in container.get("ports", [])]
    assert len(ports) == 3
    assert all(re.fullmatch(r"127\.0\.0\.1:\$\{AGORA_[A-Z]+_PORT:-\d+\}:\d+", port) for port in ports)


def test_nobody_here_sees_a_secret_or_has_a_password() -> None:
    assert not re.search(
        r"password|secrets|token|_KEY",
        FILE.read_text().split("services:", 1)[1].replace("so there is no password", ""),
        re.IGNORECASE,
    )
    grafana = CONTAINERS["grafana"]["environment"]
    assert grafana["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert grafana["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"


def test_every_file_that_is_mounted_is_there_and_cannot_be_written_to() -> None:
    mounts = [mount for container in CONTAINERS.values() for mount in container.get("volumes", [])]
    files = [mount for mount in mounts if mount.startswith(".")]
    assert len(files) == 6
    for mount in files:
        place, _, how = mount.rpartition(":")
        assert how == "ro"
        assert (FILE.parent / place.split(":")[0]).exists()
    assert {mount.split(":")[0] for mount in mounts if mount not in files} == set(WHOLE["volumes"])


def test_spans_go_from_our_exporter_to_the_collector_and_from_there_to_jaeger() -> None:
    collector = yaml.safe_load((ROOT / "deploy/observe/collector.yml").read_text())
    jaeger = yaml.safe_load((ROOT / "deploy/observe/jaeger.yml").read_text())
    hears = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert CONTAINERS["traces"]["environment"]["AGORA_OTLP"] == f"http://collector:{hears.split(':')[1]}"
    port = jaeger["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].split(":")[1]
    tells = collector["exporters"]["otlp_grpc"]
    assert tells["endpoint"] == f"jaeger:{port}"
    assert tells["sending_queue"]["enabled"] is False, "what is only queued is not there yet, and would be lost"
