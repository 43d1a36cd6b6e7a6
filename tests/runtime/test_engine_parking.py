"""A turn that fails parks its agent and nobody else; its events wait in order until somebody says what to do."""

import pytest

from agora.batch import PARKED_EVENTS_PER_AGENT_MAX
from agora.control import RedriveParked, SkipParked
from agora.envelope import EVENT_BYTES_MAX
from agora.ports import Commit, Unavailable
from agora.postgres import PostgresStore
from agora.service import Service
from tests.runtime.counting import ENTRY_MAX, UNLUCKY, Add, RingAfter, counting
from tests.runtime.desk import Desk, Office

REDRIVE = RedriveParked(service="counter", stream="counters", agent="a")
SKIP = SkipParked(service="counter", stream="counters", agent="a")
MIXED = [("a", 1), ("b", 1), ("a", UNLUCKY), ("a", 2), ("b", 2), ("a", 3)]


async def one_is_parked(office: Office) -> Desk:
    desk = office.desk()
    await office.tell(*(Add(counter=counter, amount=amount) for counter, amount in MIXED))
    await desk.hear(await office.records())
    return desk


async def total_of(office: Office, counter: str) -> int | None:
    state = await office.state(counter)
    return state["total"] if state else None


async def heir(office: Office, service: Service | None = None) -> Desk:
    """A new process that hears everything again."""
    desk = office.desk(service)
    await desk.hear(await office.records())
    await desk.relay()
    return desk


async def test_a_poison_event_parks_its_agent_in_order_and_stops_nobody_else(office: Office) -> None:
    desk = await one_is_parked(office)
    await desk.relay()
    assert await office.parked() == [("a", UNLUCKY), ("a", 2), ("a", 3)]
    assert (await total_of(office, "a"), await total_of(office, "b")) == (1, 3)
    assert await office.totals() == [("a", 1), ("b", 1), ("b", 3)]
    assert await office.errors() == ["ValueError: unlucky"]


async def test_an_agent_stays_parked_across_a_restart(office: Office) -> None:
    await one_is_parked(office)
    await office.tell(Add(counter="a", amount=4), Add(counter="b", amount=4))
    await heir(office)
    assert await office.parked() == [("a", UNLUCKY), ("a", 2), ("a", 3), ("a", 4)]
    assert await total_of(office, "b") == 7
    assert await office.errors() == ["ValueError: unlucky"]


async def test_redrive_takes_the_parked_events_again_in_order_once_the_cause_is_gone(office: Office) -> None:
    await one_is_parked(office)
    await office.tell(REDRIVE, Add(counter="a", amount=5))
    await heir(office, counting(cured=True))
    assert await office.parked() == []
    assert [total for counter, total in await office.totals() if counter == "a"] == [1, 14, 16, 19, 24]
    assert await office.fetch("SELECT amount FROM entries WHERE counter = 'a' ORDER BY number") == [
        (1,), (13,), (2,), (3,), (5,)
    ]  # fmt: skip
    await heir(office, counting(cured=True))
    assert await total_of(office, "a") == 24


async def test_redrive_before_the_cause_is_gone_changes_nothing_and_says_so_again(office: Office) -> None:
    await one_is_parked(office)
    await office.tell(REDRIVE, Add(counter="a", amount=5))
    await heir(office)
    assert await office.parked() == [("a", UNLUCKY), ("a", 2), ("a", 3), ("a", 5)]
    assert await total_of(office, "a") == 1
    assert await office.errors() == ["ValueError: unlucky"] * 2


async def test_skip_drops_the_first_into_the_dead_letters_and_redrive_takes_the_rest(office: Office) -> None:
    await one_is_parked(office)
    await office.tell(SKIP)
    await heir(office)
    assert await office.parked() == [("a", 2), ("a", 3)]
    records = await office.records()
    assert await office.fetch("SELECT log_offset, value, reason FROM dead_letters") == [
        (2, records[2].value, "skipped by an operator: ValueError: unlucky")
    ]
    await office.tell(REDRIVE)
    await heir(office)
    assert await office.parked() == []
    assert await total_of(office, "a") == 6


async def test_skipping_all_that_is_parked_frees_the_agent(office: Office) -> None:
    await one_is_parked(office)
    await office.tell(SKIP, SKIP, SKIP, SKIP, Add(counter="a", amount=100))
    await heir(office)
    assert await office.parked() == []
    assert await total_of(office, "a") == 101


@pytest.mark.parametrize("commits", range(1, 5))
async def test_a_redrive_that_dies_half_way_is_finished_by_the_next_owner(office: Office, commits: int) -> None:
    await one_is_parked(office)
    await office.tell(REDRIVE)
    dying = office.desk(counting(cured=True), store=DyingStore(office.database.url, commits))
    with pytest.raises(Unavailable):
        await dying.hear(await office.records())
    await heir(office, counting(cured=True))
    assert await office.parked() == []
    assert [total for counter, total in await office.totals() if counter == "a"] == [1, 14, 16, 19]


class DyingStore(PostgresStore):
    """Loses the connection after so many commits, before it is known whether the last succeeded."""

    def __init__(self, url: str, commits: int) -> None:
        super().__init__(url)
        self._left = commits

    async def commit(self, commit: Commit) -> None:
        await super().commit(commit)
        self._left -= 1
        if self._left == 0:
            raise Unavailable("the connection was lost during the commit")


async def test_words_for_another_services_agent_are_passed_over(office: Office) -> None:
    await one_is_parked(office)
    other = SkipParked(service="somebody else", stream="counters", agent="a")
    await office.tell(other, RedriveParked(service="counter", stream="counters", agent="nobody"))
    await heir(office)
    assert await office.parked() == [("a", UNLUCKY), ("a", 2), ("a", 3)]


async def test_the_database_refuses_one_turn_of_a_batch_and_only_that_one_is_parked(office: Office) -> None:
    desk = office.desk()
    amounts = [("a", 1), ("b", 1), ("a", ENTRY_MAX + 1), ("a", 2), ("b", 2)]
    await office.tell(*(Add(counter=counter, amount=amount) for counter, amount in amounts))
    await desk.hear(await office.records())
    await desk.relay()
    assert await office.parked() == [("a", ENTRY_MAX + 1), ("a", 2)]
    assert await office.totals() == [("a", 1), ("b", 1), ("b", 3)]
    (error,) = await office.errors()
    assert "CheckViolation" in error


@pytest.mark.parametrize("note", ["\x00", "x\x00y"])
async def test_a_text_the_database_cannot_keep_parks_its_agent(office: Office, note: str) -> None:
    desk = office.desk()
    await office.tell(Add(counter="a", amount=1, note=note), Add(counter="b", amount=1))
    await desk.hear(await office.records())
    assert await office.parked() == [("a", 1)]
    assert await total_of(office, "b") == 1


@pytest.mark.parametrize("amount", [2**63, 10**300])
async def test_a_number_no_column_can_hold_parks_its_agent(office: Office, amount: int) -> None:
    desk = office.desk()
    await office.tell(Add(counter="a", amount=amount), Add(counter="b", amount=1))
    await desk.hear(await office.records())
    assert await office.parked() == [("a", amount)]
    assert await total_of(office, "b") == 1


@pytest.mark.parametrize("kind", [Add, RingAfter])
async def test_an_event_too_large_for_kafka_parks_its_agent_before_anything_is_committed(
    office: Office, kind: type[Add | RingAfter]
) -> None:
    desk = office.desk()
    large = {"counter": "a", "note": "x" * 1_000, "repeat": EVENT_BYTES_MAX // 1_000}
    amount = {"amount": 1} if kind is Add else {"seconds": 0.0}
    await office.tell(kind.model_validate({**large, **amount}), Add(counter="b", amount=1))
    await desk.hear(await office.records())
    await desk.relay()
    assert await office.fetch("SELECT subject FROM parked") == [("a",)]
    assert await office.fetch("SELECT * FROM reminders") == []
    assert await office.state("a") is None
    assert await office.totals() == [("b", 1)]
    assert "EventTooLarge" in (await office.errors())[0]


async def test_a_stored_state_that_no_longer_opens_parks_its_agent(office: Office) -> None:
    desk = office.desk()
    await office.tell(Add(counter="a", amount=1), Add(counter="b", amount=1))
    await desk.hear(await office.records())
    await office.people.execute("""UPDATE agents SET state = '{"total": "many"}' WHERE subject = 'a'""")
    await office.tell(Add(counter="a", amount=2), Add(counter="b", amount=2))
    await heir(office)
    assert await office.parked() == [("a", 2)]
    assert await office.totals() == [("a", 1), ("b", 1), ("b", 3)]
    assert "stored state does not open" in (await office.errors())[0]
    await office.people.execute("""UPDATE agents SET state = '{"total": 1, "turns": 1}' WHERE subject = 'a'""")
    await office.tell(REDRIVE)
    await heir(office)
    assert await total_of(office, "a") == 3


async def test_an_agent_parks_no_more_than_its_limit_and_the_rest_are_dead_letters(office: Office) -> None:
    desk = office.desk()
    await office.tell(Add(counter="a", amount=UNLUCKY))
    await office.tell(*(Add(counter="a", amount=1) for _ in range(PARKED_EVENTS_PER_AGENT_MAX + 1)))
    await desk.hear(await office.records())
    assert await office.fetch("SELECT count(*) FROM parked") == [(PARKED_EVENTS_PER_AGENT_MAX,)]
    assert await office.fetch("SELECT log_offset, reason FROM dead_letters ORDER BY log_offset") == [
        (1_000, "more than 1,000 events parked for a"), (1_001, "more than 1,000 events parked for a")
    ]  # fmt: skip
