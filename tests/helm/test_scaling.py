"""How many processes of a service there are, where that follows the work."""

import re

import pytest

from agora.metrics import METRICS
from tests.helm.chart import name, needs_helm, objects, of_kind, refused, running, runs
from tests.helm.schemas import CRDS

pytestmark = needs_helm

HPA = 'autoscaling={"enabled":true,"kind":"hpa"}'


def test_keda_asks_for_what_a_process_exports_of_its_own_service() -> None:
    found = objects("everything")
    exported = {metric.name: metric for metric in METRICS}
    scaled = of_kind(found, "ScaledObject")
    by_name = running(found)
    assert scaled
    for one in scaled:
        target = by_name[one["spec"]["scaleTargetRef"]["name"]]
        (prometheus,) = (trigger for trigger in one["spec"]["triggers"] if trigger["type"] == "prometheus")
        query = prometheus["metadata"]["query"]
        (metric,) = re.findall(r"agora_\w+", query)
        assert metric in exported
        assert re.search(r'service="(\w+)"', query).group(1) == runs(target)  # pyright: ignore[reportOptionalMemberAccess]
        assert prometheus["metadata"]["serverAddress"] == "http://prometheus.monitoring:9090"


def test_there_are_never_more_processes_than_partitions_nor_fewer_than_one() -> None:
    for one in of_kind(objects("everything"), "ScaledObject"):
        share = 32 if "transaction" in name(one) else 64
        assert 1 <= one["spec"]["minReplicaCount"] <= one["spec"]["maxReplicaCount"] <= share, name(one)
    small = 'services={"transaction":{"shares":[{"partitions":"0-3","host":"a"},{"partitions":"4-63","host":"b"}]}}'
    found = of_kind(objects("everything", small), "ScaledObject")
    most = sorted(one["spec"]["maxReplicaCount"] for one in found if "transaction" in name(one))
    assert most == [4, 8]


def test_a_change_of_their_number_is_rare_since_each_deals_the_partitions_out_again() -> None:
    for one in of_kind(objects("everything"), "ScaledObject"):
        behaviour = one["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert one["spec"]["cooldownPeriod"] >= 300, name(one)
        assert behaviour["scaleDown"]["stabilizationWindowSeconds"] >= 300, name(one)
    for one in of_kind(objects("external", HPA), "HorizontalPodAutoscaler"):
        assert one["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] >= 300, name(one)


@pytest.mark.parametrize(("case", "settings"), [("everything", ()), ("external", (HPA,))])
def test_who_is_scaled_has_no_number_of_its_own_and_who_is_not_has_one(case: str, settings: tuple[str, ...]) -> None:
    found = objects(case, *settings)
    scaled = {
        one["spec"]["scaleTargetRef"]["name"] for one in of_kind(found, "ScaledObject", "HorizontalPodAutoscaler")
    }
    assert scaled
    for title, one in running(found).items():
        assert ("replicas" in one["spec"]) is (title not in scaled), title
    alone = {runs(one) for title, one in running(found).items() if title not in scaled}
    assert alone == ({"gateway", "product"} if case == "everything" else {"gateway"})


def test_plain_scaling_goes_by_the_processor() -> None:
    found = of_kind(objects("external", HPA), "HorizontalPodAutoscaler")
    assert len(found) == 7
    for one in found:
        (metric,) = one["spec"]["metrics"]
        assert metric["resource"]["name"] == "cpu"


def test_an_unknown_way_of_scaling_is_refused() -> None:
    assert "autoscaling" in refused("external", 'autoscaling={"enabled":true,"kind":"magic"}')


def test_every_definition_is_kept_that_the_chart_may_need() -> None:
    kept = {path.stem.partition("_")[2] for path in CRDS.glob("*.yaml")}
    kinds = {"kafka", "kafkanodepool", "kafkatopic", "kafkauser", "cluster", "database", "scaledobject", "podmonitor"}
    assert kept == kinds
