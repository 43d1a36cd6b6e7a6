"""The streams' topics: made where they are missing, refused where they are not what we need."""

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, for_code

from agora.kafka import started
from agora.login import reach, why

RECORD_BYTES_MAX: Final = 1024 * 1024
REQUEST_MS_MAX: Final = 30_000
SEEN_SECONDS_MAX: Final = 30
LOOK_SECONDS: Final = 0.05
REPLICAS: Final = 3  # or as many as there are brokers
TOPIC_EXISTS: Final = 36
CONFIG: Final = {
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "max.message.bytes": str(RECORD_BYTES_MAX),
}


RELIED_ON: Final = {"message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete"}
"""Time comes from the log, and nothing is compacted away; other settings are the operator's."""


class TopicError(RuntimeError):
    """A topic could not be made, or is not what the services need."""


async def ensure_topics(bootstrap: str, names: Iterable[str], partitions: int) -> None:
    """Make the topics that are missing. Raises ``TopicError`` where one has other partitions or settings than it needs.

    A key belongs to a partition for ever, so a topic's partitions are never added to behind the services' backs.
    """
    wanted = sorted(set(names))
    admin = AIOKafkaAdminClient(**reach(bootstrap), request_timeout_ms=REQUEST_MS_MAX)
    try:
        await started(admin)
        existing = await _partitions(admin)
        if missing := [name for name in wanted if name not in existing]:
            await _create(admin, missing, partitions)
            existing = await _made(admin, wanted)  # by us, or by another process at the same moment
        settings = await _settings(admin, wanted)
    except KafkaError as error:
        raise TopicError(
            f"Kafka at {bootstrap} did not make the topics: {await why(error, bootstrap)}. Check AGORA_KAFKA."
        ) from error
    finally:
        await admin.close()
    for name in wanted:
        if existing[name] != partitions:
            raise TopicError(
                f"Topic {name} has {existing[name]} partitions where {partitions} are expected. "
                f"Set AGORA_PARTITIONS={existing[name]}, or use another AGORA_NAMESPACE: "
                "a key cannot change its partition."
            )
        for setting, (has, needs) in settings.get(name, {}).items():
            raise TopicError(
                f"Topic {name} has {setting}={has} where services need {needs}. Change it with: "
                f"kafka-configs.sh --alter --topic {name} --add-config {setting}={needs}"
            )


async def _create(admin: AIOKafkaAdminClient, names: list[str], partitions: int) -> None:
    cluster: Any = await admin.describe_cluster()
    replicas = min(REPLICAS, len(cluster["brokers"]))
    topics = [NewTopic(name, partitions, replicas, topic_configs=dict(CONFIG)) for name in names]
    answer: Any = await admin.create_topics(topics, timeout_ms=REQUEST_MS_MAX)
    for name, code, *reason in answer.topic_errors:
        if code == TopicAuthorizationFailedError.errno:
            raise TopicAuthorizationFailedError(name)
        if code not in {0, TOPIC_EXISTS}:
            raise TopicError(f"Topic {name} could not be made: {reason[0] if reason else ''} (Kafka error {code}).")


async def _made(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """The partitions of topics that the controller has made, as soon as the broker we ask has heard of all of them."""
    deadline = monotonic() + SEEN_SECONDS_MAX
    while unseen := set(names) - (existing := await _partitions(admin)).keys():
        if monotonic() > deadline:
            raise TopicError(
                f"Kafka made topic {min(unseen)}, but does not list it after {SEEN_SECONDS_MAX} seconds. "
                "Look whether all its brokers are well and whether this user may describe topics, and try again."
            )
        await asyncio.sleep(LOOK_SECONDS)
    return existing


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}


async def _settings(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, tuple[str, str]]]:
    """Where topics are set otherwise than services rely on: what each setting is, and what it must be."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(RELIED_ON)) for name in names]
    answers: Any = await admin.describe_configs(resources)
    codes = {name: code for answer in answers for code, _, _, name, _ in answer.resources}
    for name, code in codes.items():
        if code:
            raise for_code(code)(name)
    return {
        name: {setting: (has, RELIED_ON[setting]) for setting, has, *_ in settings if has != RELIED_ON.get(setting)}
        for answer in answers
        for _, _, _, name, settings in answer.resources
    }
