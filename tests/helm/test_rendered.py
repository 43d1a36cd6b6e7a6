"""What helm makes of the chart in each mode: lint, golden files, schemas, and what holds of every object."""

import os
import re
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.compose.composed import ROOT
from tests.helm.chart import (
    CASES,
    CHART,
    GOLDEN,
    KUBERNETES,
    NAMES,
    NAMESPACE,
    Object,
    helm,
    needs_helm,
    objects,
    of_kind,
    pod_of,
    text,
    title,
)
from tests.helm.schemas import CRDS, kubernetes_schemas, strict, write_kubernetes, write_operators

pytestmark = needs_helm

REWRITE: Final = "AGORA_HELM_GOLDEN"
OLDEST_KUBERNETES: Final = "1.30.0"
MADE_AT_RANDOM: Final = re.compile(r"^( +(?:password|key)): +\S{16,}$", re.MULTILINE)
HOOK: Final = "helm.sh/hook"

needs_kubeconform = pytest.mark.skipif(
    not (shutil.which("kubeconform") and kubernetes_schemas()),
    reason="kubeconform or the package kubernetes-validate is not installed",
)


@pytest.mark.parametrize("case", NAMES)
def test_helm_finds_nothing_to_object_to(case: str) -> None:
    made = helm("lint", "--strict", CHART, "--kube-version", KUBERNETES, "--values", CASES / f"{case}.yaml")
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.mark.parametrize("case", NAMES)
def test_what_helm_makes_is_what_was_looked_at(case: str) -> None:
    made = MADE_AT_RANDOM.sub(r"\1: made-at-random", text(case))
    golden = GOLDEN / f"{case}.yaml"
    if os.environ.get(REWRITE):
        golden.write_text(made, encoding="utf-8", newline="\n")
    assert golden.read_text(encoding="utf-8") == made, "look at what is different, and then: make helm-golden"


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the schemas of operators' kinds are."""
    return write_operators(tmp_path_factory.mktemp("operators"))


@pytest.fixture(scope="module", params=[OLDEST_KUBERNETES, KUBERNETES])
def kubernetes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the schemas of one version of Kubernetes are."""
    source = kubernetes_schemas()
    assert source is not None
    return write_kubernetes(source, request.param, tmp_path_factory.mktemp("kubernetes") / request.param)


@needs_kubeconform
@pytest.mark.parametrize("case", NAMES)
def test_every_object_is_as_its_schema_wants_it_with_no_field_that_it_does_not_know(
    case: str, kubernetes: str, operators: str
) -> None:
    done = conform(text(case), [kubernetes, operators])
    assert done.returncode == 0, done.stdout
    assert f"{len(objects(case))} resources found" in done.stdout
    assert "Skipped: 0" in done.stdout


@needs_kubeconform
@pytest.mark.parametrize("field", ["replicsa", "template"])
def test_a_field_that_is_misspelt_or_missing_is_found(field: str, kubernetes: str) -> None:
    one = deepcopy(of_kind(objects("external"), "Deployment")[0])
    if not one["spec"].pop(field, None):
        one["spec"][field] = 1
    done = conform(yaml.safe_dump(one), [kubernetes])
    assert done.returncode == 1
    assert f"'{field}'" in done.stdout


@needs_kubeconform
@pytest.mark.parametrize("path", sorted(CRDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_operators_object_with_a_field_that_is_not_there_is_found(path: Path, operators: str) -> None:
    spec = yaml.safe_load(path.read_text())["spec"]
    version = f"{spec['group']}/{spec['versions'][-1]['name']}"
    wrong = {"apiVersion": version, "kind": spec["names"]["kind"], "metadata": {"name": "a"}, "spec": {"sepc": 1}}
    done = conform(yaml.safe_dump(wrong), [operators])
    assert done.returncode == 1
    assert "additional properties 'sepc' not allowed" in done.stdout


def conform(documents: str, locations: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [
            *("kubeconform", "-strict", "-summary", "-verbose"),
            *(part for location in locations for part in ("-schema-location", location)),
        ],
        input=documents,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_schema_is_strict_but_where_its_definition_keeps_what_it_does_not_know() -> None:
    fields: dict[str, Any] = {
        "kept": {"type": "object", "properties": {}, "x-kubernetes-preserve-unknown-fields": True},
        "either": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        "several": {"type": "array", "items": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }
    made = strict({"type": "object", "properties": fields})
    assert made["additionalProperties"] is False
    assert made["properties"]["kept"] == {"type": "object", "properties": {}}
    assert made["properties"]["either"] == {"type": ["integer", "string"]}
    assert made["properties"]["several"]["items"]["additionalProperties"] is False


@pytest.mark.parametrize("case", NAMES)
def test_no_two_objects_are_the_same_and_each_says_whose_it_is(case: str) -> None:
    found = objects(case)
    titles = [title(one) for one in found]
    assert len(set(titles)) == len(titles)
    for one in found:
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "agora", title(one)
        assert labels["app.kubernetes.io/instance"] == "market", title(one)
        assert labels["app.kubernetes.io/managed-by"] == "Helm", title(one)
        assert one["metadata"].get("namespace", NAMESPACE) == NAMESPACE


@pytest.mark.parametrize("case", NAMES)
def test_nothing_hangs_on_hooks_but_the_test_that_people_ask_for(case: str) -> None:
    hooks = {title(one): one["metadata"].get("annotations", {}).get(HOOK) for one in objects(case)}
    assert {hook for hook in hooks.values() if hook} == {"test"}


@pytest.mark.parametrize("case", NAMES)
def test_a_selector_chooses_the_pods_of_its_own_workload_alone(case: str) -> None:
    found = objects(case)
    workloads = of_kind(found, "Deployment", "StatefulSet", "Job", "Pod")
    for one in of_kind(found, "Deployment", "StatefulSet"):
        wanted = one["spec"]["selector"]["matchLabels"].items()
        chosen = [title(other) for other in workloads if wanted <= _labels(other).items()]
        assert chosen == [title(one)]
        assert wanted <= one["spec"]["template"]["metadata"]["labels"].items()


def _labels(workload: Object) -> dict[str, str]:
    return pod_of(workload)["metadata"].get("labels", {})


def test_the_chart_says_the_version_of_the_product_and_which_clusters_it_is_for() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{chart["appVersion"]}"' in project
    assert chart["apiVersion"] == "v2"
    assert chart["kubeVersion"].startswith(">=1.30")


def test_an_older_cluster_is_refused() -> None:
    made = helm("template", "market", CHART, "--kube-version", "1.29.0", "--values", CASES / "external.yaml")
    assert made.returncode != 0
    assert "1.29" in made.stderr
