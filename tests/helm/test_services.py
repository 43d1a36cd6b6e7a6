"""Each service is a deployment of its own, with its own account and its own way of being looked at."""

from typing import Final

import pytest

from agora.discovery import folders
from tests.helm.chart import (
    NAMES,
    Object,
    containers,
    environment,
    name,
    needs_helm,
    objects,
    of_kind,
    pod_of,
    pods,
    running,
    runs,
    selected,
    service_of,
)

pytestmark = needs_helm

WATCH: Final = 9090
HTTP: Final = 8080
DOOR: Final = "gateway"


def main_of(deployment: Object) -> Object:
    return pod_of(deployment)["spec"]["containers"][0]


def port_of(container: Object, port: int | str) -> int:
    """A port by its number or by the name that the container gives it."""
    known = {found["name"]: found["containerPort"] for found in container["ports"]}
    return port if isinstance(port, int) else known[port]


@pytest.mark.parametrize("case", NAMES)
def test_every_service_there_is_runs_once_for_each_of_its_shares(case: str) -> None:
    found = sorted(service for one in running(objects(case)).values() if (service := runs(one)))
    shares = ["transaction"] if case == "everything" else []
    assert found == sorted([*folders(), *shares])


@pytest.mark.parametrize("case", NAMES)
def test_every_deployment_has_an_account_of_its_services_own_that_may_do_nothing(case: str) -> None:
    found = objects(case)
    accounts = {name(one): one for one in of_kind(found, "ServiceAccount")}
    used: dict[str, str] = {}
    for one in running(found).values():
        account = pod_of(one)["spec"]["serviceAccountName"]
        assert accounts[account]["automountServiceAccountToken"] is False
        assert used.setdefault(account, str(runs(one))) == runs(one)
    assert len(used) == len(folders())
    assert {pod["serviceAccountName"] for _, pod in pods(found)} == accounts.keys()
    assert not of_kind(found, "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@pytest.mark.parametrize("case", NAMES)
def test_a_service_begins_when_its_tables_and_its_topic_are_there(case: str) -> None:
    for title, one in running(objects(case)).items():
        (waiting,) = pod_of(one)["spec"]["initContainers"]
        assert waiting["args"] == ["await", runs(one)], title
        watching = {"AGORA_WATCH", "AGORA_HTTP", "AGORA_OPERATOR_KEY"}
        ours, theirs = environment(main_of(one)), environment(waiting)
        settings = {key for key in ours if key.startswith("AGORA_")} - watching
        assert {key: theirs[key] for key in settings if key in theirs} == {
            key: ours[key] for key in settings if key in theirs
        }, title
        assert theirs.keys() >= {"AGORA_KAFKA", "AGORA_DATABASE"}, title


@pytest.mark.parametrize("case", NAMES)
def test_a_pod_is_ready_as_its_process_is_and_lives_as_long_as_its_loop_turns(case: str) -> None:
    for title, one in running(objects(case)).items():
        container = main_of(one)
        probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")}
        assert probes["readiness"]["path"] == "/readyz", title
        assert probes["liveness"]["path"] == probes["startup"]["path"] == "/healthz", title
        ready = HTTP if runs(one) == DOOR else WATCH
        assert port_of(container, probes["readiness"]["port"]) == ready, title
        assert {port_of(container, probes[kind]["port"]) for kind in ("startup", "liveness")} <= {ready, WATCH}, title
        assert environment(container)["AGORA_WATCH"]["value"] == f"0.0.0.0:{WATCH}", title


@pytest.mark.parametrize("case", NAMES)
def test_what_a_liveness_probe_asks_is_the_process_itself_and_with_patience(case: str) -> None:
    for title, one in running(objects(case)).items():
        probe = main_of(one)["livenessProbe"]
        assert probe["failureThreshold"] * probe["periodSeconds"] >= 30, title
        assert probe["timeoutSeconds"] < probe["periodSeconds"], title


@pytest.mark.parametrize("case", NAMES)
def test_a_new_version_is_there_before_the_old_one_goes(case: str) -> None:
    for title, one in running(objects(case)).items():
        assert one["spec"]["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        }, title


@pytest.mark.parametrize("case", NAMES)
def test_a_disruption_is_bounded_where_there_is_more_than_one_pod_and_nowhere_else(case: str) -> None:
    found = objects(case)
    budgets = of_kind(found, "PodDisruptionBudget")
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one for one in of_kind(found, "ScaledObject")}
    several = {
        title
        for title, one in running(found).items()
        if (scaled[title]["spec"]["minReplicaCount"] if title in scaled else one["spec"]["replicas"]) > 1
    }
    chosen = [name(one) for budget in budgets for one in selected(budget["spec"]["selector"], found)]
    assert sorted(chosen) == sorted(several)
    assert all(budget["spec"].get("maxUnavailable") == 1 for budget in budgets)


def test_two_of_a_service_are_protected_and_one_is_not() -> None:
    found = objects("external", 'services={"product":{"replicas":2},"seller":{"replicas":1}}')
    chosen = [
        name(one)
        for budget in of_kind(found, "PodDisruptionBudget")
        for one in selected(budget["spec"]["selector"], found)
    ]
    assert any("product" in title for title in chosen)
    assert not any("seller" in title for title in chosen)


@pytest.mark.parametrize("case", NAMES)
def test_pods_of_one_service_are_spread_but_run_where_they_can(case: str) -> None:
    for title, one in running(objects(case)).items():
        spread = pod_of(one)["spec"]["topologySpreadConstraints"]
        assert {where["topologyKey"] for where in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        assert {where["whenUnsatisfiable"] for where in spread} == {"ScheduleAnyway"}, title


def test_a_services_own_values_come_before_everybodys() -> None:
    found = {runs(one): one for one in running(objects("everything")).values()}
    product, fulfilment = found["product"], found["fulfilment"]
    assert product["spec"]["replicas"] == 4
    assert main_of(product)["resources"]["limits"]["memory"] == "384Mi"
    assert environment(main_of(fulfilment))["AGORA_DELIVERY_SECONDS"]["value"] == "5"
    assert "AGORA_DELIVERY_SECONDS" not in environment(main_of(product))


def test_pods_are_made_anew_when_what_they_are_told_changes_and_only_then() -> None:
    before, same, other = (
        {title: pod_of(one) for title, one in running(objects("external", *settings)).items()}
        for settings in ((), (), ('kafka.bootstrap="elsewhere.example.com:9092"',))
    )
    assert before == same
    assert all(before[title] != other[title] for title in before)


def test_the_gateway_alone_can_be_reached_from_outside() -> None:
    found = objects("everything")
    (ingress,) = of_kind(found, "Ingress")
    (rule,) = ingress["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    services = {name(one): one for one in of_kind(found, "Service")}
    chosen = {runs(one) for one in selected({"matchLabels": services[backend["name"]]["spec"]["selector"]}, found)}
    assert chosen == {DOOR}
    assert all(one["spec"].get("type", "ClusterIP") == "ClusterIP" for one in services.values())
    assert ingress["spec"]["tls"] == [{"hosts": ["market.example.com"], "secretName": "market-tls"}]


@pytest.mark.parametrize("case", NAMES)
def test_a_service_address_leads_to_a_port_that_a_container_opens(case: str) -> None:
    found = objects(case)
    for service in of_kind(found, "Service"):
        workloads = selected({"matchLabels": service["spec"]["selector"]}, found)
        assert len({service_of(one) for one in workloads}) == 1, name(service)
        for workload in workloads:
            named = [port for c in containers(pod_of(workload)["spec"]) for port in c.get("ports", [])]
            opened = {port["name"] for port in named} | {port["containerPort"] for port in named}
            for port in service["spec"]["ports"]:
                assert port.get("targetPort", port["port"]) in opened, name(service)
