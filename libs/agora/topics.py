"""The streams' topics: made where they are missing, refused where they are not what we need."""

from collections.abc import Iterable
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

RECORD_BYTES_MAX: Final = 1024 * 1024
REQUEST_MS_MAX: Final = 30_000
TOPIC_EXISTS: Final = 36
CONFIG: Final = {
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "max.message.bytes": str(RECORD_BYTES_MAX),
}


class TopicError(RuntimeError):
    """A topic could not be made, or has another number of partitions than the services expect."""


async def ensure_topics(bootstrap: str, names: Iterable[str], partitions: int, replicas: int = -1) -> None:
    """Make the topics that are missing; raise where one has another number of partitions.

    A key belongs to a partition for ever, so a topic's partitions are never added to behind the services' backs.
    ``replicas`` of -1 leaves their number to the broker.
    """
    wanted = sorted(set(names))
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_MS_MAX)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        await _create(admin, [name for name in wanted if name not in existing], partitions, replicas)
        for name, count in (await _partitions(admin, [name for name in wanted if name in existing])).items():
            if count != partitions:
                raise TopicError(
                    f"Topic {name} has {count} partitions where {partitions} are expected. "
                    f"Set AGORA_PARTITIONS={count}, or use another AGORA_NAMESPACE: a key cannot change its partition."
                )
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, names: list[str], partitions: int, replicas: int) -> None:
    if not names:
        return
    topics = [NewTopic(name, partitions, replicas, topic_configs=dict(CONFIG)) for name in names]
    answer: Any = await admin.create_topics(topics, timeout_ms=REQUEST_MS_MAX)
    for name, code, *reason in answer.topic_errors:
        if code not in {0, TOPIC_EXISTS}:  # another process may make the same topic at the same moment
            raise TopicError(f"Topic {name} could not be made: {reason[0] if reason else ''} (Kafka error {code}).")


async def _partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    if not names:
        return {}
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(names)}
