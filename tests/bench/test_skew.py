"""How many turns an order causes, and how evenly they fall onto partitions."""

import gzip
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agora.discovery import services
from agora.kafka import place
from agora.world import World
from bench.skew import main, percentile, skew, weigh
from bench.turns import TURNS, by_agent, hearers, turns_of
from console.orders import Order, OrderLine
from market.buyers import CheckOut, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line
from market.sellers import ListProduct, RegisterSeller
from tests.stories.town import GOOD, PRICE, buyer

AT = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)


@pytest.mark.parametrize(("products", "sellers"), [(1, 1), (2, 1), (2, 2), (5, 3)])
async def test_an_order_that_is_traded_takes_the_turns_that_are_reckoned_with(products: int, sellers: int) -> None:
    world = World(services())
    world.tell(*(RegisterSeller(seller=SellerId(f"S{number}"), currency="GBP") for number in range(sellers)))
    world.tell(*(listing(number, sellers) for number in range(products)), registered())
    await world.run()
    before = turns(world)
    lines = tuple(
        Line(ProductId(f"P{number}"), 1, SellerId(f"S{number % sellers}"), 1, PRICE) for number in range(products)
    )
    world.tell(
        CheckOut(buyer=BuyerId("B"), order=TransactionId("T"), lines=lines, currency="GBP", payment=GOOD),
    )
    await world.run()
    assert turns(world) - before == Counter(turns_of(products, sellers))


def listing(number: int, sellers: int) -> ListProduct:
    seller = SellerId(f"S{number % sellers}")
    return ListProduct(seller=seller, product=ProductId(f"P{number}"), prices_minor=(PRICE,), stock=1)


def registered() -> RegisterBuyer:
    return buyer("B")


def turns(world: World) -> Counter[str]:
    heard = Counter[str]()
    for name, house in world.houses.items():
        for row in house.store.partitions.values():
            heard[name] += sum(count for what, count in row.counts.items() if what.startswith("heard "))
    return heard


def test_every_service_is_reckoned_with() -> None:
    assert TURNS.keys() == hearers().keys()


def test_each_agent_of_an_order_is_named_with_its_turns() -> None:
    lines = (OrderLine("P", "S", 1, 1), OrderLine("Q", "S", 1, 1), OrderLine("P", "S", 2, 1))
    found = Counter[tuple[str, str]]()
    for stream, key, count in by_agent(Order("T", "B", AT, lines)):
        found[stream, key] += count
    assert found["buyers", "B"] == sum(TURNS[name].each for name in ("buyer", "risk", "concierge") if
                                       hearers()[name] == "buyers")  # fmt: skip
    assert found["products", "P"] == found["products", "Q"] == TURNS["product"].each
    assert found["sellers", "S"] == TURNS["seller"].each
    assert found.total() == sum(turns_of(products=2, sellers=1).values())


def test_turns_of_one_agent_fall_onto_one_partition() -> None:
    found = skew("buyers", {"B": 12}, 4)
    assert (found.max_to_mean, found.hottest_partition, found.hottest_key) == (4.0, 1.0, 1.0)


def test_turns_that_fall_evenly_have_no_skew() -> None:
    keys = {place(f"K{number}") % 4: f"K{number}" for number in range(100)}
    found = skew("buyers", dict.fromkeys(keys.values(), 5), 4)
    assert (found.max_to_mean, found.p99_to_mean, found.hottest_partition, found.keys) == (1.0, 1.0, 0.25, 4)


@given(st.dictionaries(st.text(max_size=8), st.integers(1, 1_000), min_size=1, max_size=60), st.integers(1, 64))
def test_no_turn_is_lost_and_no_partition_has_less_than_its_hottest_agent(weights: dict[str, int], count: int) -> None:
    found = skew("buyers", weights, count)
    assert found.turns == sum(weights.values())
    assert max(weights.values()) <= found.hottest_partition * found.turns + 1e-6
    assert 1 <= found.max_to_mean <= count + 1e-9
    assert found.p99_to_mean <= found.max_to_mean


def test_a_stream_without_turns_has_no_skew() -> None:
    with pytest.raises(ValueError, match="no turns"):
        skew("buyers", {}, 4)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (100, 99), (200, 198), (512, 507)])
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(count: int, expected: int) -> None:
    assert percentile(range(1, count + 1), 99) == expected


def test_a_file_of_orders_is_weighed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "orders.csv.gz"
    rows = ["InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"]
    rows += [f"{number},22000,A,1,2010-12-01 08:26,1.00,{number},UK" for number in range(536365, 536375)]
    path.write_bytes(gzip.compress("\n".join(rows).encode()))
    main(path)
    said = capsys.readouterr().out
    assert "10 orders" in said
    assert "100.00%" in said  # one product, of one seller


def test_a_file_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nowhere"):
        main(tmp_path / "nowhere.csv")


def test_weights_of_orders_add_up() -> None:
    order = Order("T", "B", AT, (OrderLine("P", "S", 1, 1),))
    once, twice = weigh([order]), weigh([order, order])
    assert {stream: Counter({key: 2 * count for key, count in of.items()}) for stream, of in once.items()} == twice
