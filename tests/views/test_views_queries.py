"""Questions to the gateway's views of a whole market."""

from typing import Any

import pytest

from agora.world import World
from market.risks import TransactionFlagged
from market.streams import TRANSACTIONS
from services.gateway.queries import agents, feed, orders, parked, products
from services.gateway.queries.paging import BadCursor
from tests.stories.town import heard
from tests.views.database import Reader


async def test_a_refused_order_is_told_until_an_order_of_that_id_is_placed(reader: Reader) -> None:
    refused = await orders.one(reader, "refused")
    assert refused is not None
    assert (refused.order.status, refused.order.reason) == ("refused", "insufficient funds")
    again = await orders.one(reader, "of a cart")
    assert again is not None
    assert (again.order.status, again.order.total_minor) == ("settled", 500)
    assert [order.transaction for order in (await orders.refused(reader, "B")).items] == ["of a cart"]
    assert await orders.one(reader, "never heard of") is None


async def test_only_what_waits_for_a_reviewer_is_held(reader: Reader, world: World) -> None:
    (flagged,) = (event for event in heard(world, TRANSACTIONS, TransactionFlagged) if event.transaction == "slow")
    (held,) = (await orders.held(reader)).items
    assert (held.transaction, held.score) == ("slow", flagged.score)


async def test_a_search_takes_text_as_it_is_in_any_case(reader: Reader) -> None:
    async def found(text: str, **more: Any) -> list[str]:
        return [one.product for one in (await products.search(reader, text, **more)).items]

    assert await found("p") == ["P"]
    assert await found("S") == ["P", "Q"]
    assert await found("", seller="R") == ["X"]
    assert await found("%") == await found("_") == await found("\\") == await found("' OR true --") == []
    await reader.execute("UPDATE offers SET product = 'a%b_c\\' WHERE product = 'X'")
    assert await found("A%B") == await found("b_C\\") == ["a%b_c\\"]


async def test_a_product_belongs_to_who_listed_it_first(reader: Reader) -> None:
    assert await products.owns(reader, "S", "P")
    assert not await products.owns(reader, "Z", "P")
    assert not await products.owns(reader, "S", "nothing")


async def test_agents_are_told_by_stream_and_prefix(reader: Reader) -> None:
    standing_of = {one.subject: one.status for one in (await agents.of_stream(reader, "sellers")).items}
    assert standing_of == {"R": "registered", "S": "registered", "Z": "registered"}
    names = [one.subject for one in (await agents.of_stream(reader, "transactions", "re")).items]
    assert names == ["rejected"]
    product = await agents.one(reader, "products", "P")
    assert product is not None
    assert product.status == "listed"
    records = await reader.fetch("SELECT type, at FROM feed WHERE stream = 'products' AND subject = 'P' ORDER BY seq")
    assert (product.records, product.last_type, product.last_at) == (len(records), *records[-1])
    assert await agents.first_at(reader, "products", "P") == records[0]["at"]
    assert await agents.one(reader, "products", "nobody") is None


async def test_a_failure_shows_the_operators_last_word_since(reader: Reader) -> None:
    found = (await parked.failures(reader)).items
    assert [(one.agent, one.word, one.stream) for one in found] == [("C", None, None), ("B", "skip", "buyers")]
    unanswered = (await parked.failures(reader, unanswered=True)).items
    assert [one.agent for one in unanswered] == ["C"]


async def test_a_story_is_answered_by_the_first_whole_event_of_the_types_asked(reader: Reader) -> None:
    types = ("PaymentSucceeded.v1", "OrderRefused.v1")
    found = await feed.outcomes(reader, ["test"], types)
    assert {one.type for one in found} == set(types)
    assert '"shares":[]' not in "".join(one.data for one in found)
    assert found[0] == await feed.outcome(reader, "test", types)
    assert await feed.outcomes(reader, ["another"]) == []
    assert await feed.outcome(reader, "test", ("Never.v1",)) is None


@pytest.mark.parametrize(
    "cursor", ["x", "WyJhIl0", "bnVsbA", "é", "W10", "A" * 3_000, "WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwiVCJd"]
)
async def test_a_cursor_that_no_page_gave_is_refused(reader: Reader, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await orders.of_buyer(reader, "B", cursor)
