"""Who is told which secret, and that nothing is said to anybody that nobody reads."""

import re
from importlib import import_module, util
from pkgutil import walk_packages
from typing import Final

import pytest
import yaml

import agora
import console
import services
from agora.discovery import folders
from agora.provision import names_of
from agora.settings import PREFIX, SECRETS_FOLDER, Variables
from tests.helm.chart import (
    NAMES,
    WORKLOADS,
    Object,
    containers,
    contents,
    environment,
    leaves,
    name,
    needs_helm,
    objects,
    of_kind,
    pod_of,
    pods,
    running,
    runs,
    template,
    title,
)
from tests.helm.test_pods import is_ours

pytestmark = needs_helm

SECRET: Final = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|(^|_)KEY$")
EXPANDED: Final = re.compile(r"\$\(([A-Z_a-z0-9]+)\)")
SECRETS_FOR_ALL: Final = {"kafka-ca", "postgres-ca", "market-tls"}


def our_variables() -> set[str]:
    """Every variable that some part of the product reads."""
    for package in (agora, console, services):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not re.search(r"migrations|__main__", module.name) and _speaks_of_variables(module.name):
                import_module(module.name)
    return {SECRETS_FOLDER, *(PREFIX + field.upper() for part in _below(Variables) for field in part.model_fields)}


def _speaks_of_variables(module: str) -> bool:
    found = util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    with open(found.origin, encoding="utf-8") as source:  # noqa: PTH123 - the import system names it as text
        return bool(re.search(r"\((Variables|HouseRules|Settings)\)", source.read()))


def _below(base: type[Variables]) -> set[type[Variables]]:
    found = set(base.__subclasses__())
    return found | {further for one in found for further in _below(one)}


def ours(case: str) -> list[tuple[str, Object]]:
    return [(at, c) for at, pod in pods(objects(case)) for c in containers(pod) if is_ours(c)]


def secrets_of(container: Object) -> set[tuple[str, str]]:
    """Each secret that a container reads, with its key."""
    sources = [
        variable["valueFrom"]["secretKeyRef"] for variable in environment(container).values() if "valueFrom" in variable
    ]
    return {(source["name"], source["key"]) for source in sources}


@pytest.mark.parametrize("case", NAMES)
def test_a_container_is_told_nothing_that_the_code_does_not_read(case: str) -> None:
    known = our_variables()
    for at, container in ours(case):
        told = environment(container)
        used = {found for variable in told.values() for found in EXPANDED.findall(variable.get("value", ""))}
        assert {key for key in told if key.startswith(PREFIX)} <= known, at
        assert {key for key in told if not key.startswith(PREFIX)} <= used, at


@pytest.mark.parametrize("case", NAMES)
def test_what_is_put_into_a_value_was_told_before_it(case: str) -> None:
    for at, container in ours(case):
        seen: set[str] = set()
        for variable in container.get("env", []):
            assert set(EXPANDED.findall(variable.get("value", ""))) <= seen, at
            seen.add(variable["name"])
        assert len(seen) == len(container.get("env", [])), at


@pytest.mark.parametrize("case", NAMES)
def test_every_secret_comes_out_of_a_secret(case: str) -> None:
    for at, container in ours(case):
        for key, variable in environment(container).items():
            if SECRET.search(key):
                assert variable.keys() == {"name", "valueFrom"}, f"{at} {key}"
                assert variable["valueFrom"].keys() == {"secretKeyRef"}, f"{at} {key}"
        assert not container.get("envFrom"), at


@pytest.mark.parametrize("case", NAMES)
def test_no_password_stands_in_anything_but_a_secret(case: str) -> None:
    for one in objects(case):
        if one["kind"] != "Secret":
            for at, value in leaves(one):
                assert not re.search(r"://[^/\s:$]+:[^/\s@$]+@", str(value)), f"{title(one)} {at}"


@pytest.mark.parametrize("case", ["external", "everything"])
def test_where_the_servers_are_somebody_elses_no_secret_is_made(case: str) -> None:
    assert of_kind(objects(case), "Secret") == []


@pytest.mark.parametrize("case", NAMES)
def test_a_service_reads_its_own_secrets_alone_and_never_its_databases_owners(case: str) -> None:
    seen: dict[tuple[str, str], str] = {}
    for at, one in running(objects(case)).items():
        service = str(runs(one))
        for container in containers(pod_of(one)["spec"]):
            for secret, key in secrets_of(container):
                assert "owner" not in secret, at
                assert "admin" not in secret, at
                if secret not in SECRETS_FOR_ALL:
                    assert seen.setdefault((secret, key), service) == service, at
    assert set(seen.values()) == set(folders())


@pytest.mark.parametrize("case", NAMES)
def test_only_the_job_that_migrates_a_database_is_its_owner(case: str) -> None:
    owners: dict[str, list[str]] = {}
    for one in of_kind(objects(case), *WORKLOADS):
        for container in (c for c in containers(pod_of(one)["spec"]) if is_ours(c)):
            for secret, _ in secrets_of(container):
                if "owner" in secret:
                    owners.setdefault(secret, []).append(f"{one['kind']} {' '.join(container['args'])}")
    assert len(owners) == len(folders())
    for service in folders():
        (commands,) = (set(found) for secret, found in owners.items() if f"-{service}-owner" in secret)
        assert commands == {f"Job migrate {service}"}


def test_each_service_logs_in_as_itself_where_its_secrets_say() -> None:
    for one in running(objects("external")).values():
        service = str(runs(one))
        told = environment(pod_of(one)["spec"]["containers"][0])
        read = {
            key: (v["valueFrom"]["secretKeyRef"]["name"], v["valueFrom"]["secretKeyRef"]["key"])
            for key, v in told.items()
            if "valueFrom" in v
        }
        url = told["AGORA_DATABASE"]["value"]
        user, password = EXPANDED.findall(url)
        assert url.startswith(
            f"postgresql://$({user}):$({password})@pg.example.com:5432/{names_of(service).database}?sslmode="
        )
        assert (read[user], read[password]) == (
            (f"agora-postgres-{service}", "username"),
            (f"agora-postgres-{service}", "password"),
        )
        assert read["AGORA_KAFKA_USER"] == (f"agora-kafka-{service}", "username")
        assert read["AGORA_KAFKA_PASSWORD"] == (f"agora-kafka-{service}", "password")


def test_the_operators_key_is_told_to_the_gateway_and_to_the_test_alone() -> None:
    who = {at for at, container in ours("external") if any(key == "key" for _, key in secrets_of(container))}
    assert len(who) == 2
    told = {key for _, c in ours("external") for key in environment(c) if key in {"AGORA_OPERATOR_KEY", "AGORA_KEY"}}
    assert told == {"AGORA_OPERATOR_KEY", "AGORA_KEY"}


@pytest.mark.parametrize("case", ["operators", "dev"])
def test_a_secret_that_is_made_stays_and_is_made_at_random(case: str) -> None:
    first = {name(one): one for one in of_kind(objects(case), "Secret")}
    again = [one for one in yaml.safe_load_all(template(case).stdout) if one]
    second = {name(one): one for one in of_kind(again, "Secret")}
    passwords: list[str] = []
    for at, one in first.items():
        assert one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep", at
        known = contents(one)
        for key in known.keys() & {"password", "key"}:
            assert len(known[key]) >= 32, at
            assert re.fullmatch(r"[A-Za-z0-9_-]+", known[key]), f"{at}: it is put into a URL as it is"
            assert known[key] != contents(second[at])[key], at
            passwords.append(known[key])
    assert len(set(passwords)) == len(passwords) > 2 * len(folders())
