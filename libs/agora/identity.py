"""Which log a topic is: the ids of its cluster and of the topic, which a recreated one does not share."""

from typing import Any, Final
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

from agora.login import meaning

METADATA: Final = 3
VERSION: Final = 10  # the first to tell a topic's id; aiokafka itself speaks up to 5

_TEXT: Final = CompactString("utf-8")
_ID: Final = (("high", Int64), ("low", Int64))
_INTEGERS: Final = CompactArray(Int32)


class _Metadata(Response):
    API_KEY = METADATA  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType] - as in aiokafka
    API_VERSION = VERSION  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields)),
        ),
        ("cluster", _TEXT),
        ("controller", Int32),
        (
            "topics",
            CompactArray(
                ("error", Int16),
                ("name", _TEXT),
                *_ID,
                ("internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("epoch", Int32),
                        ("replicas", _INTEGERS),
                        ("in_sync", _INTEGERS),
                        ("offline", _INTEGERS),
                        ("tags", TaggedFields),
                    ),
                ),
                ("operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("operations", Int32),
        ("tags", TaggedFields),
    )


class _AskMetadata(RequestStruct):
    API_KEY = METADATA
    API_VERSION = VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Metadata
    SCHEMA = Schema(
        ("topics", CompactArray(*_ID, ("name", _TEXT), ("tags", TaggedFields))),
        ("create", Boolean),
        ("cluster_operations", Boolean),
        ("topic_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Ask(Request[_AskMetadata]):
    API_KEY = METADATA

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_AskMetadata]) -> _AskMetadata:
        nothing_more = (False, False, False, {})
        return request_struct_class([(0, 0, self._topic, {})], *nothing_more)


async def absence(admin: AIOKafkaAdminClient, topic: str) -> str:
    """Why a topic is not listed for this process: there is none, or it may not know of it."""
    try:
        await identity_of(admin, topic)
    except KafkaError as error:
        return meaning(error)
    return f"the topic '{topic}' has only just been made"


async def identity_of(admin: AIOKafkaAdminClient, topic: str) -> str:
    """The identity of a topic, such as ``cluster 5L6g3…, topic 0193…``. Raises ``KafkaError``."""
    # aiokafka offers no public way to send a request of one's own.
    answer: Any = await admin._send_request(_Ask(topic))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    ((error, _, high, low, *_),) = answer.topics
    if error:
        failure: type[KafkaError] = for_code(error)
        raise failure(topic)
    unsigned = (high % 2**64) << 64 | low % 2**64
    return f"cluster {answer.cluster}, topic {UUID(int=unsigned)}"
