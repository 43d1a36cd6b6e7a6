"""Lists come in pages that miss nothing and tell nothing twice, and sums stay whole on every page."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import pairwise
from typing import Any, Final

import asyncpg
import pytest

from agora.provision import Access
from services.gateway.queries import agents, feed, ledger, orders, parked, products, sales
from services.gateway.queries.paging import LIMIT_MAX
from tests.views.database import Reader, made

ROWS: Final = LIMIT_MAX + 30
NUMBERS: Final = f"generate_series(1, {ROWS}) AS n"
AT: Final = "'2030-01-01T00:00:00Z'::timestamptz + (n / 7) * interval '1 microsecond'"
ODD: Final = ("%", " ", "é", "\U0001f600", "\U0010ffff")
FILLED: Final = (
    "INSERT INTO offers SELECT 'P' || n, 'S', 'GBP', 1, '[1]', 1, n, 0, n, now() FROM " + NUMBERS,
    f"INSERT INTO placings SELECT 'T' || n, n, 'B', 1, 'GBP', 1, 1, {AT} FROM {NUMBERS}",
    f"INSERT INTO order_courses (transaction, held_at, refunded_minor) SELECT 'T' || n, {AT}, 0 FROM {NUMBERS}",
    f"INSERT INTO refused_orders SELECT 'T' || n, 'B', n, 'no', {AT} FROM {NUMBERS}",
    f"INSERT INTO sales SELECT 'S', 'T' || n, n, 'GBP', {AT}, null, null, null, null, null, null, 0, 0 FROM {NUMBERS}",
    f"INSERT INTO ledger SELECT 'T', 'settled', n, 'fees', n, 'GBP', {AT} FROM {NUMBERS}",
    f"INSERT INTO accounts SELECT 'fees', 'GBP', sum(n) FROM {NUMBERS}",
    f"INSERT INTO agent_cards SELECT 'buyers', 'B' || n, 1, 'x', now() FROM {NUMBERS}",
    f"INSERT INTO failures SELECT 0, n, 'risk', 'B', 'x', 'x', 'x', 'x', {AT} FROM {NUMBERS}",
    (
        "INSERT INTO feed (stream, partition, log_offset, subject, source, id, type, story, causation, at, whole, data)"
        " SELECT 'buyers', 0, n, 'B' || n % 2, 'x', n, 'X' || n % 3, 'story ' || n % 5, '', now(), true, '{}' "
        f"FROM {NUMBERS} ORDER BY n"
    ),
)


@pytest.fixture(scope="module")
async def database(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Access:
    return await made(postgres, tmp_path_factory.mktemp("gateway"))


@pytest.fixture
async def reader(database: Access) -> AsyncGenerator[Reader]:
    connection = await asyncpg.connect(database.url)
    change = connection.transaction()
    await change.start()
    for statement in FILLED:
        await connection.execute(statement)
    yield connection
    await change.rollback()
    await connection.close()


Ask = Callable[[Reader, str | None, int], Awaitable[tuple[list[Any], str | None]]]


def pages(question: Callable[..., Awaitable[Any]], *given: str, key: str) -> Ask:
    """A list, and what of each item tells it from the others."""

    async def ask(reader: Reader, after: str | None, limit: int) -> tuple[list[Any], str | None]:
        page = await question(reader, *given, after=after, limit=limit)
        items = next(part for part in vars(page).values() if isinstance(part, tuple) and part and hasattr(part[0], key))
        return [getattr(item, key) for item in items], page.next

    return ask


LISTS: Final = {
    "products": pages(products.search, key="product"),
    "a seller's products": pages(products.search, "", "S", key="product"),
    "orders": pages(orders.of_buyer, "B", key="transaction"),
    "refused orders": pages(orders.refused, "B", key="transaction"),
    "held orders": pages(orders.held, key="transaction"),
    "sales": pages(sales.dashboard, "S", key="transaction"),
    "entries": pages(ledger.account, "fees", key="entry"),
    "agents": pages(agents.of_stream, "buyers", key="subject"),
    "agents by prefix": pages(agents.of_stream, "buyers", "B", key="subject"),
}


@pytest.mark.parametrize("limit", [1, 7, 115, 10**6])
@pytest.mark.parametrize("name", LISTS)
async def test_pages_tell_everything_once(reader: Reader, name: str, limit: int) -> None:
    found: list[Any] = []
    after = None
    while True:
        page, after = await LISTS[name](reader, after, limit)
        assert len(page) <= min(limit, LIMIT_MAX)
        found += page
        if after is None:
            break
        assert page
        assert len(found) < ROWS
    assert len(found) == len(set(found)) == ROWS


async def test_failures_are_told_newest_first(reader: Reader) -> None:
    first = await parked.failures(reader, limit=LIMIT_MAX)
    rest = await parked.failures(reader, after=first.next)
    times = [one.failed_at for one in (*first.items, *rest.items)]
    assert (len(times), rest.next) == (ROWS, None)
    assert all(newer >= older for newer, older in pairwise(times))


@pytest.mark.parametrize("limit", [-1, 0])
async def test_a_page_holds_one_item_at_least(reader: Reader, limit: int) -> None:
    assert len((await products.search(reader, limit=limit)).items) == 1


async def test_sums_are_whole_on_every_page(reader: Reader) -> None:
    everything = ROWS * (ROWS + 1) // 2
    first = await sales.dashboard(reader, "S", limit=5)
    second = await sales.dashboard(reader, "S", after=first.next, limit=5)
    assert first.sums == second.sums
    assert (first.sums[0].open, first.sums[0].open_minor) == (ROWS, everything)
    entries = await ledger.account(reader, "fees", limit=5)
    assert [balance.balance_minor for balance in entries.balances] == [everything]


async def test_a_list_may_grow_while_it_is_read(reader: Reader) -> None:
    first = await orders.of_buyer(reader, "B", limit=10)
    await reader.execute("UPDATE placings SET placed_at = '2031-01-01T00:00:00Z' WHERE transaction = 'T1'")
    second = await orders.of_buyer(reader, "B", after=first.next, limit=LIMIT_MAX)
    assert not {one.transaction for one in first.items} & {one.transaction for one in second.items}


async def test_a_prefix_finds_what_begins_so_and_nothing_else(reader: Reader) -> None:
    await reader.execute(
        "INSERT INTO agent_cards SELECT 'buyers', 'B1' || name, 1, 'x', now() FROM unnest($1::text[]) AS name", ODD
    )
    names = [one.subject for one in (await agents.of_stream(reader, "buyers", "B1", limit=LIMIT_MAX)).items]
    numbered = {f"B{n}" for n in range(1, ROWS + 1) if str(n)[0] == "1"}
    assert set(names) == {*numbered, *(f"B1{name}" for name in ODD)}
    assert (await agents.of_stream(reader, "buyers", "%")).items == ()


async def test_the_feed_follows_a_story_an_agent_or_both(reader: Reader) -> None:
    start = await feed.tail(reader)
    assert await feed.head(reader) == start + ROWS - 1

    async def offsets(**of: str) -> list[int]:
        return [one.offset for one in await feed.after(reader, start - 1, of=feed.Filter(**of))]

    every = range(1, ROWS + 1)
    assert await offsets() == list(every)
    assert await offsets(story="story 3") == [n for n in every if n % 5 == 3]
    assert await offsets(stream="buyers", agent="B1") == [n for n in every if n % 2]
    assert await offsets(story="story 3", stream="buyers", agent="B1") == [n for n in every if n % 2 and n % 5 == 3]
    assert await offsets(stream="sellers", agent="B1") == []
    follow = await feed.after(reader, start + 9, 2)
    assert [one.seq for one in follow] == [start + 10, start + 11]


async def test_the_feed_counts_what_a_slow_reader_is_not_told(reader: Reader) -> None:
    start = await feed.tail(reader)
    assert await feed.counts(reader, start - 1, start + 5) == {"X0": 2, "X1": 2, "X2": 2}
    assert await feed.counts(reader, start, start + 2, feed.Filter(story="story 2")) == {"X2": 1}
    assert await feed.counts(reader, start + ROWS, start + 2 * ROWS) == {}


async def test_the_feed_is_trimmed_to_its_newest_records(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "TRIMMED_AT_ONCE_ROWS", 7)
    head = await feed.head(reader)
    assert await feed.trim(reader, keep=20) == ROWS - 20
    assert (await feed.tail(reader), await feed.head(reader)) == (head - 19, head)
    assert await feed.trim(reader, keep=20) == 0
    assert await feed.trim(reader, keep=0) == 20
    assert (await feed.tail(reader), await feed.head(reader)) == (0, 0)
