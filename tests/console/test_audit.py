"""The audit on real databases and a real log: all zeros for a sound market, and every check finds its planted fault."""

import secrets
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from agora import discovery
from agora.audit import LOG, RUNTIME_CHECKS
from agora.discovery import streams
from agora.migrations import upgrade
from agora.ports import Commit, Move
from agora.postgres import PostgresStore
from agora.provision import Access, provision
from agora.topics import ensure_topics
from agora.world import World
from console.audit import disagreements, run_audit
from console.audit_databases import Answers, Books, Contribution, open_books
from console.output import Failure
from market.audit import EQUALITIES
from tests.console.busy_market import Records, busy_market, figures, given, records_of
from tests.console.planted import DISAGREEMENTS, FAULTS

NAMESPACE: Final = f"t{secrets.token_hex(4)}_"


@dataclass(frozen=True, slots=True)
class Market:
    """A market that has come to rest, in its databases and topics, and what its databases answer."""

    world: World
    kafka: str
    accesses: dict[str, Access]
    answers: dict[str, Answers]

    @property
    def urls(self) -> dict[str, list[str]]:
        return {name: [access.url] for name, access in self.accesses.items()}


@pytest.fixture(scope="module")
async def market(postgres: str, kafka: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Market]:
    world = await busy_market()
    accesses = await provision(postgres, discovery.folders(), tmp_path_factory.mktemp("secrets"), NAMESPACE)
    for name, folder in discovery.folders().items():
        await upgrade(accesses[name].owner_url, folder / "migrations", accesses[name].role)
    for name in world.houses:
        await _move_in(world, name, accesses[name].url)
    await ensure_topics(kafka, (NAMESPACE + stream for stream in streams()), world.log.partitions)
    await _say(kafka, records_of(world))
    answers: dict[str, Answers] = {}
    for name, access in accesses.items():
        async with open_books(name, access.url) as books:
            answers[name] = await books.answers()
    yield Market(world, kafka, accesses, answers)
    admin = await asyncpg.connect(postgres)
    for access in accesses.values():
        await admin.execute(f"DROP DATABASE {access.database} WITH (FORCE)")
    await admin.close()


async def _move_in(world: World, name: str, url: str) -> None:
    """Write down what a service knows, as the service would have."""
    store, kept = PostgresStore(url), world.houses[name].store
    moves = [Move(await store.claim(number), row) for number, row in kept.partitions.items()]
    commit = Commit(moves=moves, agents=list(kept.agents.values()), appends=kept.appended)
    for table, rows in kept.tables.items():
        commit.puts[table] = {**rows}
    await store.commit(commit)
    await store.close()


async def _say(kafka: str, records: Records) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for (stream, partition), group in groupby(records, key=lambda one: (one[0], one[1].partition)):
        for _, record in group:
            await producer.send(NAMESPACE + stream, record.value, record.key, partition)
    await producer.stop()


async def spoilt(market: Market, service: str, fault: str) -> Answers:
    """What a service's database answers with a fault planted in it, which is then taken back."""
    connection = await asyncpg.connect(market.accesses[service].owner_url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(fault)
        answers = await Books(service, connection).answers()
        await transaction.rollback()
    finally:
        await connection.close()
    return answers


def compared(market: Market, answers: Iterable[Answers]) -> dict[str, int]:
    log = figures(records_of(market.world), given(market.world))
    return disagreements({LOG: log, **{one.service: one.figures for one in answers}})


@pytest.mark.parametrize("check", FAULTS)
async def test_a_fault_planted_in_a_database_is_found(market: Market, check: str) -> None:
    service, fault = FAULTS[check]
    sound, answers = market.answers[service], await spoilt(market, service, fault)
    assert {**sound.runtime, **sound.checks}[check] == 0
    assert {**answers.runtime, **answers.checks}[check] > 0


@pytest.mark.parametrize("check", DISAGREEMENTS)
async def test_a_disagreement_planted_between_two_is_found(market: Market, check: str) -> None:
    service, fault = DISAGREEMENTS[check]
    others = [one for name, one in market.answers.items() if name != service]
    assert compared(market, market.answers.values())[check] == 0
    assert compared(market, [*others, await spoilt(market, service, fault)])[check] > 0


def test_every_check_has_a_fault_planted_for_it() -> None:
    own = {f"{name}: {check.name}" for name in discovery.folders() for check in Contribution.of(name).checks}
    assert FAULTS.keys() == own | {check.name for check in RUNTIME_CHECKS}
    assert DISAGREEMENTS.keys() == {equality.name for equality in EQUALITIES}


async def test_a_market_at_rest_is_sound_in_every_check(market: Market) -> None:
    found = await run_audit(market.urls, market.kafka, NAMESPACE)
    assert {name: count for name, count in found.items() if count} == {}
    assert list(found) == sorted(found)
    assert found.keys() > FAULTS.keys() | DISAGREEMENTS.keys()


async def test_what_a_service_has_yet_to_hear_is_counted(market: Market) -> None:
    connection = await asyncpg.connect(market.accesses["seller"].owner_url)
    await connection.execute("UPDATE partitions SET next_offset = next_offset - 1 WHERE next_offset > 0")
    found = await run_audit(market.urls, market.kafka, NAMESPACE)
    await connection.execute("UPDATE partitions SET next_offset = next_offset + 1 WHERE heard <> '{}'")
    await connection.close()
    assert {check for check, count in found.items() if count} == {"events in the log not heard yet"}


async def test_a_log_that_is_not_there_is_missed(market: Market) -> None:
    found = await run_audit(market.urls, market.kafka, "nowhere_")
    assert found["events at the end of an outbox that are not in the log"] > 0


async def test_an_audit_says_whose_database_it_cannot_read(market: Market) -> None:
    with pytest.raises(Failure, match="'buyer'"):
        await run_audit({**market.urls, "buyer": ["postgresql://127.0.0.1:1/none"]}, market.kafka, NAMESPACE)
    with pytest.raises(Failure, match="'seller'"):
        await run_audit({name: url for name, url in market.urls.items() if name != "seller"}, "", "")
