"""What operators are asked to make is what the contracts grant, and the log is kept as the market needs it."""

from typing import Any, Final

import pytest

from agora.discovery import folders, streams
from agora.embedded import kafka
from agora.grants import TRACES, Grant, Rights
from agora.provision import names_of
from console.grants_command import known
from tests.helm.chart import (
    RELEASE,
    Object,
    containers,
    contents,
    environment,
    name,
    needs_helm,
    objects,
    of_kind,
    pod_of,
    running,
    runs,
)

pytestmark = needs_helm

AS_OURS: Final = (
    *("auto.create.topics.enable", "log.message.timestamp.type", "log.retention.bytes", "log.retention.ms"),
    "message.max.bytes",
)
"""What the market needs of Kafka, wherever it runs."""
PATTERNS: Final = {"literal": False, "prefix": True}


def everyone() -> dict[str, Rights]:
    return {one.name: one for one in known()}


def allowed(user: Object) -> set[Grant]:
    assert user["spec"]["authorization"]["type"] == "simple"
    acls = user["spec"]["authorization"]["acls"]
    assert all(acl.get("type", "allow") == "allow" and acl.get("host", "*") == "*" for acl in acls)
    return {
        Grant(
            name(user),
            operation,
            acl["resource"]["type"],
            acl["resource"]["name"],
            PATTERNS[acl["resource"].get("patternType", "literal")],
        )
        for acl in acls
        for operation in acl["operations"]
    }


@pytest.mark.parametrize("namespace", ["", "eu_"])
def test_a_user_of_kafka_may_do_what_its_contract_grants_and_nothing_else(namespace: str) -> None:
    found = objects("operators", f'namespacePrefix="{namespace}"', 'traces={"enabled":true,"otlp":"http://c:4318"}')
    users = {name(user): user for user in of_kind(found, "KafkaUser")}
    expected = everyone()
    assert users.keys() == {f"{RELEASE}-{service}" for service in (*folders(), TRACES)}
    for service in (*folders(), TRACES):
        user = users[f"{RELEASE}-{service}"]
        assert allowed(user) == set(expected[service].grants(RELEASE, namespace)), service
        assert user["spec"]["authentication"] == {"type": "scram-sha-512"}


def test_nobody_who_sends_no_traces_may_read_everything() -> None:
    assert f"{RELEASE}-{TRACES}" not in {name(user) for user in of_kind(objects("operators"), "KafkaUser")}


@pytest.mark.parametrize("namespace", ["", "eu_"])
def test_every_stream_is_a_topic_that_is_kept_for_ever(namespace: str) -> None:
    topics = of_kind(objects("operators", f'namespacePrefix="{namespace}"'), "KafkaTopic")
    assert {topic["spec"].get("topicName", name(topic)) for topic in topics} == {namespace + s for s in streams()}
    for topic in topics:
        spec = topic["spec"]
        assert (spec["partitions"], spec["replicas"]) == (32, 3)
        assert {key: str(value) for key, value in spec["config"].items()} == {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "message.timestamp.type": kafka.SETTINGS["log.message.timestamp.type"],
            "max.message.bytes": kafka.SETTINGS["message.max.bytes"],
            "min.insync.replicas": "2",
        }


def test_one_node_keeps_one_copy() -> None:
    found = objects("operators", "operators.kafka.replicas=1")
    for topic in of_kind(found, "KafkaTopic"):
        assert (topic["spec"]["replicas"], str(topic["spec"]["config"]["min.insync.replicas"])) == (1, "1")


def test_kafka_asks_everybody_who_they_are_and_lets_nobody_do_what_is_not_granted() -> None:
    found = objects("operators")
    (cluster,) = of_kind(found, "Kafka")
    spec = cluster["spec"]["kafka"]
    assert spec["authorization"]["type"] == "simple"
    assert "superUsers" not in spec["authorization"]
    for listener in spec["listeners"]:
        assert listener["type"] == "internal"
        assert listener["tls"] is True
        assert listener["authentication"]["type"] == "scram-sha-512"
    told = {key: str(value).lower() for key, value in spec["config"].items()}
    assert {key: told.get(key) for key in AS_OURS} == {key: kafka.SETTINGS[key].lower() for key in AS_OURS}
    (pool,) = of_kind(found, "KafkaNodePool")
    assert pool["metadata"]["labels"]["strimzi.io/cluster"] == name(cluster)
    assert (pool["spec"]["replicas"], set(pool["spec"]["roles"])) == (3, {"broker", "controller"})
    for one in of_kind(found, "KafkaTopic", "KafkaUser"):
        assert one["metadata"]["labels"]["strimzi.io/cluster"] == name(cluster)


@pytest.mark.parametrize("namespace", ["", "eu_"])
def test_every_service_has_a_database_of_its_own_and_two_roles(namespace: str) -> None:
    found = objects("operators", f'namespacePrefix="{namespace}"')
    (cluster,) = of_kind(found, "Cluster")
    databases = {one["spec"]["name"]: one["spec"] for one in of_kind(found, "Database")}
    roles = {role["name"]: role for role in cluster["spec"]["managed"]["roles"]}
    names = [names_of(service, namespace) for service in folders()]
    assert databases.keys() == {one.database for one in names}
    assert roles.keys() == {one.role for one in names} | {one.owner for one in names}
    secrets = {name(one): one for one in of_kind(found, "Secret")}
    for one in names:
        assert databases[one.database]["owner"] == one.owner
        assert databases[one.database]["cluster"] == {"name": name(cluster)}
        for role in (roles[one.role], roles[one.owner]):
            assert role["login"] is True
            assert not any(role.get(right) for right in ("superuser", "createdb", "createrole", "bypassrls"))
            secret = secrets[role["passwordSecret"]["name"]]
            assert secret["type"] == "kubernetes.io/basic-auth"
            assert contents(secret)["username"] == role["name"]


def test_a_service_logs_in_by_tls_with_what_the_operators_made_for_it() -> None:
    for one in running(objects("operators")).values():
        service = str(runs(one))
        pod = pod_of(one)["spec"]
        for container in containers(pod):
            told = environment(container)
            assert told["AGORA_KAFKA_USER"]["value"] == f"{RELEASE}-{service}"
            assert _secret(told["AGORA_KAFKA_PASSWORD"]) == (f"{RELEASE}-{service}", "password")
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            url = told["AGORA_DATABASE"]["value"]
            for path in (told["AGORA_KAFKA_CA"]["value"], url.rpartition("sslrootcert=")[2]):
                folder, _, file = path.rpartition("/")
                volume = next(v for v in pod["volumes"] if v["name"] == mounts[folder])
                assert file in _files(volume)
            assert "sslmode=verify-full" in url


def _secret(variable: dict[str, Any]) -> tuple[str, str]:
    source = variable["valueFrom"]["secretKeyRef"]
    return source["name"], source["key"]


def _files(volume: dict[str, Any]) -> set[str]:
    """The files of a volume that shows a Secret's keys, whichever way it does."""
    sources = [source["secret"] for source in volume.get("projected", {}).get("sources", [])] or [volume["secret"]]
    return {item["path"] for source in sources for item in source["items"]}
