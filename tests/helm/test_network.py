"""Who may talk to whom: nobody, but for what is named."""

from typing import Any, Final

import pytest

from tests.helm.chart import (
    NAMES,
    WORKLOADS,
    Object,
    containers,
    needs_helm,
    objects,
    of_kind,
    pod_of,
    running,
    runs,
    selected,
    title,
)

pytestmark = needs_helm

DNS: Final = {("UDP", 53), ("TCP", 53)}
NAMED: Final[dict[Any, int]] = {"http": 8080, "watch": 9090, "kafka": 9092, "postgres": 5432}
"""The ports of containers by their names, which a test holds to what containers say."""


def policies(found: list[Object]) -> list[Object]:
    return of_kind(found, "NetworkPolicy")


def rules(found: list[Object], workload: Object, direction: str) -> list[dict[str, Any]]:
    """Everything that the policies of a workload's pods let through."""
    return [
        rule
        for policy in policies(found)
        if workload in selected(policy["spec"]["podSelector"], found)
        for rule in policy["spec"].get(direction, [])
    ]


def ports(found: list[dict[str, Any]]) -> set[tuple[str, int]]:
    asked = [port for rule in found for port in rule["ports"]]
    assert all(str(port["port"]).isdecimal() or port["port"] in NAMED for port in asked)
    return {(port.get("protocol", "TCP"), NAMED.get(port["port"]) or int(port["port"])) for port in asked}


@pytest.mark.parametrize("case", NAMES)
def test_a_port_has_the_same_name_everywhere(case: str) -> None:
    for workload in of_kind(objects(case), *WORKLOADS):
        for container in containers(pod_of(workload)["spec"]):
            for port in container.get("ports", []):
                assert NAMED[port["name"]] == port["containerPort"], title(workload)


@pytest.mark.parametrize("case", NAMES)
def test_whatever_is_not_named_is_refused_to_every_pod_in_both_directions(case: str) -> None:
    found = objects(case)
    denying = [one["spec"] for one in policies(found) if not _lets_in_or_out(one)]
    closed = [
        title(one)
        for policy in denying
        if set(policy["policyTypes"]) == {"Ingress", "Egress"}
        for one in selected(policy["podSelector"], found)
    ]
    assert {title(one) for one in of_kind(found, *WORKLOADS)} <= set(closed)


@pytest.mark.parametrize("case", NAMES)
def test_no_rule_opens_everything(case: str) -> None:
    for policy in policies(objects(case)):
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            assert rule.get("ports"), title(policy)
            assert all("port" in port for port in rule["ports"]), title(policy)


@pytest.mark.parametrize("case", NAMES)
def test_every_service_reaches_names_kafka_and_its_database_and_nothing_else(case: str) -> None:
    found = objects(case)
    kafka = {"operators": 9093, "dev": 9092, "external": 9093, "everything": 9093}[case]
    for name, one in running(found).items():
        assert ports(rules(found, one, "egress")) == {*DNS, ("TCP", kafka), ("TCP", 5432)}, name


def test_a_port_of_kafkas_other_than_the_usual_is_reached() -> None:
    found = objects("external", 'kafka.bootstrap="kafka.example.com:19092"')
    for name, one in running(found).items():
        assert ("TCP", 19092) in ports(rules(found, one, "egress")), name


def test_the_gateway_alone_is_asked_and_figures_are_read_by_those_who_are_named() -> None:
    found = objects("everything")
    for name, one in running(found).items():
        let_in = rules(found, one, "ingress")
        assert ports(let_in) == {("TCP", 9090), *([("TCP", 8080)] if runs(one) == "gateway" else [])}, name
        assert all(rule["from"] for rule in let_in), name


@pytest.mark.parametrize("case", ["external", "operators", "dev"])
def test_unless_somebody_is_named_nobody_reads_figures(case: str) -> None:
    found = objects(case)
    for name, one in running(found).items():
        expected = {("TCP", 8080)} if runs(one) == "gateway" else set()
        assert ports(rules(found, one, "ingress")) == expected, name


def test_the_test_reaches_the_gateway_and_a_migration_its_database() -> None:
    found = objects("external")
    for workload in of_kind(found, "Job", "Pod"):
        args = pod_of(workload)["spec"]["containers"][0]["args"]
        reached = ports(rules(found, workload, "egress")) - DNS
        expected = {"trade": 8080, "migrate": 5432, "topics": 9093}[args[0]]
        assert reached == {("TCP", expected)}, title(workload)


def test_where_it_is_said_servers_are_reached_at_their_addresses_alone() -> None:
    found = objects("everything")
    for name, one in running(found).items():
        for rule in rules(found, one, "egress"):
            asked = ports([rule])
            if ("TCP", 5432) in asked:
                assert rule["to"] == [{"ipBlock": {"cidr": "192.0.2.16/28"}}], name
            if asked & {("TCP", 9093)}:
                assert rule["to"] == [{"ipBlock": {"cidr": "192.0.2.0/28"}}], name


@pytest.mark.parametrize("case", NAMES)
def test_policies_can_be_left_to_somebody_else(case: str) -> None:
    assert policies(objects(case, "networkPolicies.enabled=false")) == []


def _lets_in_or_out(policy: Object) -> bool:
    return bool(policy["spec"].get("ingress") or policy["spec"].get("egress"))
