"""The chart as tests see it: rendered by helm, and read as objects."""

import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.compose.composed import ROOT

CHART: Final = ROOT / "deploy" / "helm" / "agora"
CASES: Final = Path(__file__).parent / "cases"
GOLDEN: Final = Path(__file__).parent / "golden"
RELEASE: Final = "market"
NAMESPACE: Final = "agora"
KUBERNETES: Final = "1.37.0"
SECONDS_MAX: Final = 60
OPERATORS: Final = (
    *("kafka.strimzi.io/v1/Kafka", "kafka.strimzi.io/v1/KafkaNodePool"),
    *("kafka.strimzi.io/v1/KafkaTopic", "kafka.strimzi.io/v1/KafkaUser", "kafka.strimzi.io/v1"),
    *("postgresql.cnpg.io/v1/Cluster", "postgresql.cnpg.io/v1/Database", "postgresql.cnpg.io/v1"),
    *("keda.sh/v1alpha1/ScaledObject", "keda.sh/v1alpha1"),
    *("monitoring.coreos.com/v1/PodMonitor", "monitoring.coreos.com/v1"),
)
"""What an API server tells a chart that has the operators' definitions."""
WORKLOADS: Final = ("Deployment", "StatefulSet", "Job", "Pod")
NAMES: Final = tuple(sorted(case.stem for case in CASES.glob("*.yaml")))
"""The cases that are looked at from every side: a file of values for each."""

Object = dict[str, Any]

needs_helm = pytest.mark.skipif(not shutil.which("helm"), reason="helm is not installed")


def helm(*arguments: str | Path, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["helm", *map(str, arguments)],  # noqa: S607 - whichever helm people use
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
        env=environment,
    )


def template(case: str, settings: Sequence[str] = (), apis: Iterable[str] = OPERATORS) -> Any:
    """What helm makes of the chart with a case's values, and some more of the form ``key=value``, as JSON."""
    return helm(
        *("template", RELEASE, CHART, "--namespace", NAMESPACE, "--kube-version", KUBERNETES),
        *("--values", CASES / f"{case}.yaml"),
        *(part for api in apis for part in ("--api-versions", api)),
        *(part for setting in settings for part in ("--set-json", setting)),
    )


@cache
def text(case: str, *settings: str) -> str:
    made = template(case, settings)
    assert made.returncode == 0, made.stderr
    return made.stdout


def refused(case: str, *settings: str) -> str:
    """Why helm refuses these values."""
    made = template(case, settings)
    assert made.returncode != 0, "helm took it"
    return made.stderr


@cache
def objects(case: str, *settings: str) -> list[Object]:
    """What a case makes, read once: nobody may change it."""
    return [found for found in yaml.safe_load_all(text(case, *settings)) if found]


def of_kind(found: Iterable[Object], *kinds: str) -> list[Object]:
    return [one for one in found if one["kind"] in kinds]


def name(one: Object) -> str:
    return one["metadata"]["name"]


def title(one: Object) -> str:
    return f"{one['kind']}/{name(one)}"


def service_of(one: Object) -> str | None:
    """The service that an object belongs to: the component that its labels name."""
    return one["metadata"].get("labels", {}).get("app.kubernetes.io/component")


def pod_of(one: Object) -> Object:
    """The pod that a workload makes."""
    return one if one["kind"] == "Pod" else one["spec"]["template"]


def pods(found: Iterable[Object]) -> list[tuple[str, Object]]:
    """Every workload by its title, with the specification of its pod."""
    return [(title(one), pod_of(one)["spec"]) for one in of_kind(found, *WORKLOADS)]


def containers(pod: Object) -> list[Object]:
    return [*pod.get("initContainers", []), *pod["containers"]]


def environment(container: Object) -> dict[str, Object]:
    """A container's variables by name: a ``value``, or where it comes from."""
    return {variable["name"]: variable for variable in container.get("env", [])}


def contents(secret: Object) -> dict[str, str]:
    """What a Secret holds."""
    coded = {key: b64decode(value).decode() for key, value in secret.get("data", {}).items()}
    return {**coded, **secret.get("stringData", {})}


def running(found: Iterable[Object]) -> dict[str, Object]:
    """The deployments that run a service, by their names."""
    return {name(one): one for one in of_kind(found, "Deployment") if runs(one)}


def runs(deployment: Object) -> str | None:
    """The service that a deployment's first container runs."""
    match pod_of(deployment)["spec"]["containers"][0].get("args"):
        case ["run", str(service)]:
            return service
        case _:
            return None


def selected(selector: Object, found: Iterable[Object]) -> list[Object]:
    """The workloads whose pods a selector chooses."""
    wanted = selector.get("matchLabels", {}).items()
    return [one for one in of_kind(found, *WORKLOADS) if wanted <= pod_of(one)["metadata"].get("labels", {}).items()]


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of an object, with where it stands."""
    match tree:
        case dict():
            for key, part in tree.items():
                yield from leaves(part, f"{path}.{key}")
        case list():
            for number, part in enumerate(tree):
                yield from leaves(part, f"{path}[{number}]")
        case _:
            yield path, tree
