"""Whether a process may serve its share from its database and its topic: no partition is served from two databases.

One process sees one database, so this tells when that one was made for other partitions. That two databases were not
made for the same ones is for whoever writes down the shares to see to; the audit finds it, and can no longer mend it.
"""

from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code

from agora.postgres import PostgresStore
from agora.shares import Share

WHOLE: Final = "all"
"""What a database remembers that serves every partition."""


async def fault_of_topic(admin: AIOKafkaAdminClient, topic: str, share: Share) -> str | None:
    """Say which partitions of a share the topic does not have, and what to do. Raises ``KafkaError``."""
    described: list[Any] = await admin.describe_topics([topic])
    (found,) = described
    if found["error_code"]:
        failure: type[KafkaError] = for_code(found["error_code"])
        raise failure(topic)
    partitions = len(found["partitions"])
    if max(share.partitions) < partitions:
        return None
    return (
        f"AGORA_SHARE: {share} goes up to partition {max(share.partitions)}, but the topic '{topic}' has {partitions} "
        f"partitions, from 0 up to {partitions - 1}. Divide these into shares, each into one"
    )


async def fault_of_database(store: PostgresStore, service: str, share: Share | None) -> str | None:
    """Say why a database must not serve a share, and what to do; a database that is new is given it for ever.

    Raises ``Unavailable``.
    """
    wanted = WHOLE if share is None else str(share)
    given = await store.entrusted()
    if given is None:
        if share is not None and (beyond := await store.claimed() - share.partitions):
            return _another(service, f"holds partition {min(beyond)}, which is none of {share}")
        given = await store.entrust(wanted)
    if given == wanted:
        return None
    return _another(service, f"serves {_partitions(given)}, and this process was told to serve {_partitions(wanted)}")


def _another(service: str, how: str) -> str:
    return (
        f"the database of '{service}' that AGORA_DATABASE names {how}. Nothing was changed. Set AGORA_SHARE to what "
        "this database serves (unset it if that is all partitions), or AGORA_DATABASE to the one of this share. A "
        "share moves to another server as its whole database; it is not divided once it holds something"
    )


def _partitions(share: str) -> str:
    return "all partitions" if share == WHOLE else f"the partitions {share}"
