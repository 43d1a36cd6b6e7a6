"""What the gateway tells of a whole market is what its services know themselves."""

from agora.world import World
from services.gateway.queries import carts, ledger, orders, products, sales
from services.seller.rows import OpenOrder
from services.seller.rows import Sale as Sold
from tests.stories import sums
from tests.views.database import Reader


async def test_products_are_what_the_product_service_keeps(reader: Reader, world: World) -> None:
    kept = {name: state for name, state in sums.states(world, "product") if state.status == "listed"}
    told = {product.product: product for product in (await products.search(reader)).items}
    assert told.keys() == kept.keys() == {"P", "Q", "X"}
    for name, state in kept.items():
        one = told[name]
        assert await products.one(reader, name) == one
        assert (one.seller, one.currency, one.version) == (state.seller, state.currency, state.version)
        assert (one.prices_minor, one.price_minor) == (state.prices_minor, state.prices_minor[0])
        assert (one.stock, one.reserved, one.available) == (state.stock, state.reserved, state.available), name
        assert one.sold == state.sold


async def test_carts_are_what_the_buyer_service_keeps(reader: Reader, world: World) -> None:
    for name, state in sums.states(world, "buyer"):
        cart = await carts.of_buyer(reader, name)
        lines = [entry.line for _, entry in sorted(state.cart.items())]
        assert [(one.product, one.quantity, one.price_minor, one.version) for one in cart.lines] == [
            (line.product, line.quantity, line.price_minor, line.version) for line in lines
        ]
        assert (cart.currency, cart.total_minor) == (state.currency, sum(line.total_minor for line in lines))
    assert len((await carts.of_buyer(reader, "C")).lines) == 2
    assert (await carts.of_buyer(reader, "nobody")).currency is None


async def test_orders_are_what_the_transaction_service_keeps(reader: Reader, world: World) -> None:
    for name, state in sums.states(world, "transaction"):
        found = await orders.one(reader, name)
        assert found is not None
        order, back = found.order, getattr(state, "refunded_minor", 0)
        status = "partly refunded" if state.status == "settled" and back else state.status
        assert (order.status, order.buyer, order.reason) == (status, state.order.buyer, getattr(state, "reason", None))
        assert (order.total_minor, order.currency) == (state.order.total.minor, state.order.total.currency)
        assert order.refunded_minor == (order.total_minor if status == "refunded" else back)
        assert order.paid_at == getattr(state, "paid_at", None)
        ends = [getattr(state, at, None) for at in ("settled_at", "refunded_at", "cancelled_at")]
        assert order.ended_at == next(filter(None, ends), None)
        assert found.timeline[0].type in {"OrderPlaced.v1", "ClearPayout.v1"}


async def test_dashboards_are_what_the_seller_service_keeps(reader: Reader, world: World) -> None:
    store = world.houses["seller"].store
    open_ = [row for row in store.tables[OpenOrder].values() if isinstance(row, OpenOrder)]
    sold = [row for row in store.appended[Sold] if isinstance(row, Sold)]
    for seller in ("S", "R"):
        shown = await sales.dashboard(reader, seller)
        waiting = {(row.transaction, row.amount_minor) for row in open_ if row.seller == seller}
        assert {(sale.transaction, sale.amount_minor) for sale in shown.sales if not sale.ended_at} == waiting
        settled = {(row.transaction, row.payout_minor, row.fee_minor) for row in sold if row.seller == seller}
        ended = [sale for sale in shown.sales if sale.status == "settled"]
        assert {(sale.transaction, sale.payout_minor, sale.fee_minor) for sale in ended} == settled
        (total,) = shown.sums
        assert (total.open, total.open_minor) == (len(waiting), sum(amount for _, amount in waiting))
        assert (total.settled, total.payout_minor) == (len(settled), sum(payout for _, payout, _ in settled))
        assert total.refunded == len(shown.sales) - len(waiting) - len(settled) > 0
    assert (await sales.dashboard(reader, "nobody")).sums == ()


async def test_the_ledger_is_the_transaction_services_entry_by_entry(reader: Reader, world: World) -> None:
    kept = sums.ledger(world)
    columns = "transaction, posting, entry, account, amount_minor, currency, posted_at"
    told = [tuple(row) for row in await reader.fetch(f"SELECT {columns} FROM ledger")]
    assert sorted(told) == sorted(tuple(getattr(row, name) for name in columns.split(", ")) for row in kept)
    for name in {row.account for row in kept}:
        account = await ledger.account(reader, name)
        (balance,) = account.balances
        assert balance.balance_minor == sum(entry.amount_minor for entry in account.entries)
        assert len(account.entries) == sum(row.account == name for row in kept)
