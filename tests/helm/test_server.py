"""What a real API server says to the chart: `AGORA_TEST_KUBECONFIG` names the file that leads to one.

Nothing has to run there, so a server without nodes will do. Each test works in a namespace of its own.
"""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.helm.chart import (
    CASES,
    CHART,
    NAMES,
    RELEASE,
    SECONDS_MAX,
    contents,
    environment,
    helm,
    name,
    objects,
    of_kind,
    pod_of,
    running,
    title,
)
from tests.helm.schemas import CRDS

KUBECONFIG: Final = "AGORA_TEST_KUBECONFIG"
CONFIG: Final = os.environ.get(KUBECONFIG, "")
ENVIRONMENT: Final = {**os.environ, "KUBECONFIG": CONFIG}
COMMON: Final = ("Deployment", "Job", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget")
KINDS: Final = "deployments,jobs,services,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets,configmaps"

pytestmark = pytest.mark.skipif(
    not (CONFIG and shutil.which("helm") and shutil.which("kubectl")),
    reason=f"{KUBECONFIG} names no API server, or helm or kubectl is not installed",
)


def kubectl(*arguments: str | Path, documents: str | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["kubectl", *map(str, arguments)],  # noqa: S607 - whichever kubectl people use
        input=documents,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
        env=ENVIRONMENT,
    )


def would_take(namespace: str, documents: str) -> "subprocess.CompletedProcess[str]":
    how = ("--server-side", "--dry-run=server", "--namespace", namespace)
    return kubectl("apply", *how, "--filename", "-", documents=documents)


def done(ran: "subprocess.CompletedProcess[str]") -> str:
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module", autouse=True)
def _definitions() -> None:
    """What operators would have brought."""
    done(kubectl("apply", "--server-side", "--force-conflicts", "--filename", CRDS))
    done(kubectl("wait", "--for=condition=Established", "--timeout=30s", "--filename", CRDS))


@pytest.fixture
def namespace() -> Iterator[str]:
    made = f"agora-test-{secrets.token_hex(4)}"
    done(kubectl("create", "namespace", made))
    yield made
    kubectl("delete", "namespace", made, "--wait=false")


class Release:
    """The chart in a namespace of its own."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def helm(self, command: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return helm(command, RELEASE, *arguments, "--namespace", self.namespace, environment=ENVIRONMENT)

    def there(self, kinds: str = KINDS) -> list[dict[str, Any]]:
        """Everything of the release that the server has."""
        found = kubectl(
            *("get", kinds, "--namespace", self.namespace, "--output", "json"),
            *("--selector", f"app.kubernetes.io/instance={RELEASE}"),
        )
        return json.loads(done(found))["items"]


@pytest.mark.parametrize("case", NAMES)
def test_the_server_would_take_every_object_of_every_case(case: str, namespace: str) -> None:
    made = Release(namespace).helm("template", CHART, "--values", CASES / f"{case}.yaml", "--validate")
    documents = done(made)
    said = done(would_take(namespace, documents))
    assert len(said.splitlines()) == len([one for one in documents.split("\n---\n") if one.strip()])


@pytest.mark.parametrize("case", NAMES)
def test_it_is_installed_upgraded_rolled_back_and_removed(case: str, namespace: str) -> None:
    release, values = Release(namespace), ("--values", CASES / f"{case}.yaml")
    done(release.helm("install", CHART, *values))
    first = {title(one): one for one in release.there()}
    expected = {
        title(one) for one in objects(case) if f"{one['kind'].lower()}s" in KINDS.replace("policies", "policys")
    }
    assert expected - {t for t in expected if t.startswith("Pod/")} <= first.keys()

    done(release.helm("upgrade", CHART, *values))
    again = {title(one): one for one in release.there()}
    assert again.keys() == first.keys()
    assert all(again[at]["metadata"]["uid"] == first[at]["metadata"]["uid"] for at in first)
    assert all(again[at]["metadata"].get("generation") == first[at]["metadata"].get("generation") for at in first)
    assert {at: contents(one) for at, one in again.items() if one["kind"] == "Secret"} == {
        at: contents(one) for at, one in first.items() if one["kind"] == "Secret"
    }

    changed = "image.digest=sha256:" + "f" * 64
    done(release.helm("upgrade", CHART, *values, "--set", changed))
    newer = release.there()
    images = {pod_of(one)["spec"]["containers"][0]["image"] for one in running(newer).values()}
    assert len(images) == 1
    assert images.pop().endswith("f" * 64)
    assert {name(one) for one in of_kind(newer, "Job")}.isdisjoint(name(one) for one in of_kind(first.values(), "Job"))

    done(release.helm("rollback", "1"))
    back = {title(one): one for one in release.there()}
    assert back.keys() == first.keys()
    for at in (at for at in first if at.startswith("Deployment/")):
        assert back[at]["spec"]["template"]["spec"] == first[at]["spec"]["template"]["spec"], at

    done(release.helm("uninstall"))
    left = {one["kind"] for one in release.there()}
    assert left <= {"Secret"}, "only what is random is kept"


def test_a_password_once_made_outlives_a_release_that_is_removed(namespace: str) -> None:
    release, values = Release(namespace), ("--values", CASES / "dev.yaml")
    done(release.helm("install", CHART, *values))
    before = {name(one): contents(one) for one in release.there("secrets")}
    done(release.helm("uninstall"))
    done(release.helm("install", CHART, *values))
    assert {name(one): contents(one) for one in release.there("secrets")} == before
    assert len(before) > 1


def test_a_changed_setting_makes_new_pods_of_those_who_are_told_it(namespace: str) -> None:
    release, values = Release(namespace), ("--values", CASES / "external.yaml")
    done(release.helm("install", CHART, *values))
    before = running(release.there())
    own = 'services={"seller":{"env":{"AGORA_HOME":"/tmp/here"}}}'
    done(release.helm("upgrade", CHART, *values, "--set-json", own))
    after = running(release.there())
    changed = {at for at in before if pod_of(before[at]) != pod_of(after[at])}
    assert changed == {f"{RELEASE}-seller"}
    told = environment(pod_of(after[f"{RELEASE}-seller"])["spec"]["containers"][0])
    assert told["AGORA_HOME"]["value"] == "/tmp/here"  # noqa: S108 - nobody writes there


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("gateway.port=99999", "must be between 1 and 65535"),
        ("defaults.replicas=-1", "must be greater than or equal to 0"),
        ('image.pullPolicy="Sometimes"', "Unsupported value"),
        ('defaults.resources.limits.memory="lots"', "quantities must match"),
    ],
)
def test_what_the_schema_refuses_the_server_would_refuse_as_well(setting: str, words: str, namespace: str) -> None:
    values = ("--values", CASES / "external.yaml", "--set-json", setting)
    assert "specifications of the schema" in Release(namespace).helm("template", CHART, *values).stderr
    documents = done(Release(namespace).helm("template", CHART, *values, "--skip-schema-validation"))
    said = would_take(namespace, documents)
    assert said.returncode != 0
    assert words in said.stderr


def test_the_objects_of_operators_are_checked_by_their_rules(namespace: str) -> None:
    documents = done(Release(namespace).helm("template", CHART, "--values", CASES / "operators.yaml", "--validate"))
    wrong = documents.replace("type: scram-sha-512", "type: by-word-of-mouth")
    assert wrong != documents
    said = would_take(namespace, wrong)
    assert said.returncode != 0
    assert "Unsupported value" in said.stderr
