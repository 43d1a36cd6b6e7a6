"""On a real broker, too, keys lie where the Java client would put them."""

from agora.kafka import KafkaLog
from agora.topics import ensure_topics
from tests.contracts.test_placement import TABLE
from tests.runtime.kafka_reader import read
from tests.runtime.stores import said

KEYS = {key: of_16 for key, _, of_16, _ in TABLE if key}


async def test_what_is_published_lands_in_the_partition_of_the_golden_table(kafka: str, namespace: str) -> None:
    await ensure_topics(kafka, [f"{namespace}totals"], 16)
    log = KafkaLog(kafka, namespace)
    assert await log.publish(said(*((key, b"1") for key in KEYS))) == len(KEYS)
    await log.close()
    records = await read(kafka, f"{namespace}totals", len(KEYS), partitions=16)
    assert {(record.key or b"").decode(): record.partition for record in records} == KEYS
