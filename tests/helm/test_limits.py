"""What cannot work is refused before anything is made, in words that say what to change; what can, is in order."""

import json
from typing import Any, Final

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from agora import postgres, run
from agora.settings import STOP_SECONDS, TURN_SECONDS
from services.gateway.http import front
from tests.helm.chart import (
    CHART,
    NAMES,
    environment,
    needs_helm,
    objects,
    of_kind,
    pod_of,
    refused,
    running,
    runs,
    template,
)

pytestmark = needs_helm

VALUES: Final[dict[str, Any]] = yaml.safe_load((CHART / "values.yaml").read_text())


def shares(*partitions: str) -> str:
    parts = [{"partitions": one, "host": f"pg-{number}"} for number, one in enumerate(partitions)]
    return f"services={json.dumps({'transaction': {'replicas': 1, 'shares': parts}})}"


def test_the_times_to_stop_are_those_of_the_code() -> None:
    stop = VALUES["stop"]
    assert (stop["turnSeconds"], stop["gracefulSeconds"]) == (TURN_SECONDS, STOP_SECONDS)
    assert stop["gracefulSeconds"] > stop["turnSeconds"]
    closing = run.CALLS_STOP_SECONDS_MAX + postgres.CONNECT_SECONDS_MAX
    wait = VALUES["gateway"]["preStopSeconds"]
    assert stop["terminationGraceSeconds"] >= wait + stop["gracefulSeconds"] + closing
    assert stop["terminationGraceSeconds"] >= wait + front.GRACE_SECONDS + closing


@pytest.mark.parametrize("case", NAMES)
def test_a_turn_ends_before_the_process_does_and_the_process_before_it_is_killed(case: str) -> None:
    for title, one in running(objects(case)).items():
        seconds = pod_of(one)["spec"]["terminationGracePeriodSeconds"]
        said = {each["name"]: each.get("value") for each in pod_of(one)["spec"]["containers"][0]["env"]}
        assert int(said["AGORA_TURN_SECONDS"]) < int(said["AGORA_STOP_SECONDS"]) < seconds, title
        assert seconds == VALUES["stop"]["terminationGraceSeconds"], title
        hook = pod_of(one)["spec"]["containers"][0].get("lifecycle", {}).get("preStop")
        expected = {"sleep": {"seconds": VALUES["gateway"]["preStopSeconds"]}} if runs(one) == "gateway" else None
        assert hook == expected, title


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('stop={"turnSeconds":15}', "stop.turnSeconds"),
        ('stop={"turnSeconds":20}', "stop.turnSeconds"),
        ('stop={"terminationGraceSeconds":30}', "stop.terminationGraceSeconds"),
        ('stop={"gracefulSeconds":40}', "stop.terminationGraceSeconds"),
        ("gateway.preStopSeconds=30", "stop.terminationGraceSeconds"),
    ],
)
def test_times_to_stop_that_are_out_of_order_are_refused(setting: str, words: str) -> None:
    assert words in refused("external", setting)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('services={"product":{"replicas":33}}', "services.product: 33 replicas, but the stream has 32 partitions"),
        ('defaults={"replicas":40}', "40 replicas"),
        ("partitions=1", "2 replicas"),
        (
            'autoscaling={"enabled":true,"kind":"hpa","maxReplicas":33}',
            "autoscaling.maxReplicas is 33, but there are 32 partitions",
        ),
        ('autoscaling={"enabled":true,"kind":"hpa","minReplicas":9}', "above autoscaling.maxReplicas"),
    ],
)
def test_more_processes_than_partitions_are_refused(setting: str, words: str) -> None:
    assert words in refused("external", setting)


def test_as_many_processes_as_partitions_are_not_refused() -> None:
    objects("external", 'services={"product":{"replicas":32}}')


@pytest.mark.parametrize(
    ("partitions", "words"),
    [
        (("0-15",), "partition 16 is in no share"),
        (("1-31",), "partition 0 is in no share"),
        (("0-15", "17-31"), "partition 16 is in no share"),
        (("0-16", "16-31"), 'partition 16 is in "0-16" and in "16-31"'),
        (("0-31", "3"), "partition 3 is in"),
        (("0-32",), "not within partitions 0 to 31"),
        (("31-0",), "not within partitions 0 to 31"),
    ],
)
def test_shares_that_overlap_or_leave_something_out_are_refused(partitions: tuple[str, ...], words: str) -> None:
    assert words in refused("external", shares(*partitions))


@given(st.lists(st.integers(0, 2), min_size=8, max_size=8))
@settings(max_examples=12, deadline=None)
def test_shares_are_taken_exactly_if_each_partition_is_in_one(owners: list[int]) -> None:
    parts = [",".join(str(n) for n, owner in enumerate(owners) if owner == number) for number in range(3)]
    given_parts = [part for part in parts if part]
    made = template("external", ["partitions=8", 'defaults={"replicas":1}', shares(*given_parts)])
    assert made.returncode == 0, made.stderr
    if len(given_parts) > 1:
        made = template("external", ["partitions=8", 'defaults={"replicas":1}', shares(*given_parts[1:])])
        assert made.returncode != 0


def test_a_share_is_a_deployment_and_a_migration_of_its_own_at_its_own_server() -> None:
    found = objects("everything")
    parts = [one for one in running(found).values() if runs(one) == "transaction"]
    told = [environment(pod_of(one)["spec"]["containers"][0]) for one in parts]
    assert {variables["AGORA_SHARE"]["value"] for variables in told} == {"0-31", "32-63"}
    hosts = {variables["AGORA_SHARE"]["value"]: variables["AGORA_DATABASE"]["value"] for variables in told}
    assert "@pg-0.example.com:" in hosts["0-31"]
    assert "@pg-1.example.com:" in hosts["32-63"]
    jobs = [pod_of(job)["spec"]["containers"][0] for job in of_kind(found, "Job")]
    urls = [environment(job)["AGORA_DATABASE"]["value"] for job in jobs if job["args"] == ["migrate", "transaction"]]
    servers = sorted(url.partition("@")[2].partition(":")[0] for url in urls)
    assert servers == ["pg-0.example.com", "pg-1.example.com"]


def test_shares_on_one_server_have_a_database_each() -> None:
    parts = [{"partitions": "0-15", "host": "pg"}, {"partitions": "16-31", "host": "pg"}]
    said = "services=" + json.dumps({"transaction": {"shares": parts}})
    assert '"0-15" and "16-31" are in the same database' in refused("external", said)
    parts[1]["database"] = "agora_transaction_2"
    found = objects("external", "services=" + json.dumps({"transaction": {"shares": parts}}))
    told = [environment(pod_of(one)["spec"]["containers"][0]) for one in running(found).values()]
    urls = {each["AGORA_SHARE"]["value"]: each["AGORA_DATABASE"]["value"] for each in told if "AGORA_SHARE" in each}
    places = {share: url.partition("?")[0].rpartition("/")[2] for share, url in urls.items()}
    assert places == {"0-15": "agora_transaction", "16-31": "agora_transaction_2"}


def test_a_service_without_shares_is_told_of_none() -> None:
    for one in running(objects("external")).values():
        assert "AGORA_SHARE" not in environment(pod_of(one)["spec"]["containers"][0])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('kafka.bootstrap=""', "kafka.bootstrap: say where Kafka is"),
        ('postgres.host=""', "postgres.host: say where PostgreSQL is"),
        ('operatorKey.existingSecret=""', "operatorKey.existingSecret: name the Secret"),
        ('services={"prodcut":{}}', "services.prodcut: there is no such service; there are buyer, concierge,"),
        ('image.tag="latest"', "image.tag: latest is another image every day"),
        ('traces={"enabled":true}', "traces.otlp: say where the collector is"),
        ("gateway.ingress.enabled=true", "gateway.ingress.host"),
        ('autoscaling={"enabled":true,"kind":"keda"}', "autoscaling.prometheusAddress"),
        ('services={"gateway":{"shares":[{"partitions":"0-31","host":"pg"}]}}', "services.gateway.shares"),
    ],
)
def test_what_is_missing_or_makes_no_sense_is_named(setting: str, words: str) -> None:
    assert words in refused("external", setting)


@pytest.mark.parametrize("case", ["operators", "everything"])
def test_without_an_operator_its_objects_are_refused_by_the_name_of_what_is_missing(case: str) -> None:
    said = template(case, apis=()).stderr
    kinds = ("Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "Cluster", "Database")
    for kind in kinds if case == "operators" else ("ScaledObject", "PodMonitor"):
        assert f"/{kind}" in said
    assert ("Strimzi" if case == "operators" else "KEDA") in said
