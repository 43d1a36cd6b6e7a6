"""What holds of every pod: nobody in it can write, gain rights or become root, and none takes more than its share."""

import re
from typing import Any, Final

import pytest

from tests.helm.chart import NAMES, Object, containers, needs_helm, objects, pods

pytestmark = needs_helm

OFFICIAL: Final = {"postgres:18", "apache/kafka:4.3.1"}
QUANTITY: Final = re.compile(r"(\d+(?:\.\d+)?)(m|Ki|Mi|Gi)?")
UNITS: Final = {"m": 0.001, None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def is_ours(container: Object) -> bool:
    return container["image"] not in OFFICIAL


def amount(quantity: Any) -> float:
    found = QUANTITY.fullmatch(str(quantity))
    assert found, quantity
    return float(found[1]) * UNITS[found[2]]


@pytest.fixture(params=NAMES)
def every_pod(request: pytest.FixtureRequest) -> list[tuple[str, Object]]:
    return pods(objects(request.param))


def test_no_pod_is_anybody_to_the_machine_it_runs_on(every_pod: list[tuple[str, Object]]) -> None:
    assert every_pod
    for title, pod in every_pod:
        assert pod["securityContext"]["runAsNonRoot"] is True, title
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, title
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & pod.keys(), title
        assert not any("hostPath" in volume for volume in pod.get("volumes", [])), title
        assert not any("hostPort" in port for c in containers(pod) for port in c.get("ports", [])), title


def test_no_container_can_write_gain_rights_or_become_root(every_pod: list[tuple[str, Object]]) -> None:
    for title, pod in every_pod:
        for container in containers(pod):
            rules = container["securityContext"]
            assert rules["allowPrivilegeEscalation"] is False, title
            assert rules["capabilities"] == {"drop": ["ALL"]}, title
            assert rules["readOnlyRootFilesystem"] is True, title
            assert rules.get("privileged", False) is False, title
            user = rules.get("runAsUser", pod["securityContext"].get("runAsUser"))
            assert user == 10001 if is_ours(container) else user != 0, title


def test_no_pod_can_talk_to_the_cluster(every_pod: list[tuple[str, Object]]) -> None:
    for title, pod in every_pod:
        assert pod["automountServiceAccountToken"] is False, title
        assert pod["serviceAccountName"] != "default", title
        assert pod["enableServiceLinks"] is False, title


def test_every_container_asks_for_what_it_needs_and_gets_no_more(every_pod: list[tuple[str, Object]]) -> None:
    for title, pod in every_pod:
        for container in containers(pod):
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            assert requests.keys() >= {"cpu", "memory"}, title
            assert "memory" in limits, title
            assert all(amount(requests[name]) <= amount(limits[name]) for name in limits), title


def test_what_is_written_is_bounded(every_pod: list[tuple[str, Object]]) -> None:
    for title, pod in every_pod:
        for volume in pod.get("volumes", []):
            if "emptyDir" in volume:
                assert amount(volume["emptyDir"]["sizeLimit"]) > 0, title
        for container in (c for c in containers(pod) if is_ours(c)):
            writable = [m["mountPath"] for m in container.get("volumeMounts", []) if not m.get("readOnly")]
            assert writable == ["/tmp"], title  # noqa: S108 - a mount point


def test_what_is_secret_is_mounted_to_be_read_alone(every_pod: list[tuple[str, Object]]) -> None:
    for title, pod in every_pod:
        kept = {v["name"] for v in pod.get("volumes", []) if {"secret", "configMap", "projected"} & v.keys()}
        for container in containers(pod):
            for mount in container.get("volumeMounts", []):
                assert mount["name"] not in kept or mount["readOnly"] is True, title


def test_an_image_is_named_by_its_version_and_never_as_the_latest(every_pod: list[tuple[str, Object]]) -> None:
    for title, pod in every_pod:
        for container in containers(pod):
            assert re.fullmatch(r"[^\s@]+(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})", container["image"]), title
            assert container["imagePullPolicy"] in {"IfNotPresent", "Always", "Never"}, title


def test_a_digest_says_which_image_it_is_for_every_container_of_ours() -> None:
    images = {c["image"] for _, pod in pods(objects("everything")) for c in containers(pod) if is_ours(c)}
    assert images == {f"registry.example.com/agora@sha256:{'0123456789abcdef' * 4}"}
    secrets = [pod.get("imagePullSecrets") for _, pod in pods(objects("everything"))]
    assert all(found == [{"name": "registry"}] for found in secrets)


def test_without_a_digest_the_image_is_of_the_charts_own_version_or_of_the_one_that_is_said() -> None:
    tags = {c["image"].rpartition(":")[2] for _, pod in pods(objects("external")) for c in containers(pod)}
    assert tags == {"0.1.0"}
    said = objects("external", 'image={"repository":"here/agora","tag":"1.2.3"}')
    assert {c["image"] for _, pod in pods(said) for c in containers(pod)} == {"here/agora:1.2.3"}
