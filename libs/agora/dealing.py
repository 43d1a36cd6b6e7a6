"""Deals the partitions of a share, and no others, out among the members of its consumer group."""

import logging
from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from agora.shares import Share

VERSION = 0

log = logging.getLogger(__name__)


def dealer_of(share: Share) -> type[AbstractPartitionAssignor]:
    """The assignor of a share's group; Kafka lets nobody join it who would deal out anything else.

    Round robin, so that members have as many partitions as one another, or one more.
    """

    class Dealer(AbstractPartitionAssignor):
        name = f"agora {share}"  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType] - as in aiokafka

        @classmethod
        def assign(
            cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            dealt: dict[str, list[tuple[str, list[int]]]] = {member: [] for member in members}
            for topic in sorted({topic for metadata in members.values() for topic in metadata.subscription}):
                listening = sorted(member for member, metadata in members.items() if topic in metadata.subscription)
                numbers = _numbers(cluster, topic, share)
                for place, member in enumerate(listening):
                    dealt[member].append((topic, numbers[place :: len(listening)]))
            return {
                member: ConsumerProtocolMemberAssignment(VERSION, assignment, b"")
                for member, assignment in dealt.items()
            }

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(VERSION, list(topics), b"")

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            """Nothing is remembered from one deal to the next."""

    return Dealer


def _numbers(cluster: ClusterMetadata, topic: str, share: Share) -> list[int]:
    known = cluster.partitions_for_topic(topic)
    if known is None:
        log.warning("Kafka has not told yet which partitions the topic '%s' has", topic)
    return sorted(number for number in known or () if number in share)
