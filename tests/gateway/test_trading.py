"""Trading over HTTP, from the first registration to the ledger."""

import secrets
from typing import Any

from tests.gateway.client import Caller
from tests.gateway.conftest import As

CARD = {"method": "credit", "instalments": 1, "token": "tok_1"}
MANDATE = {"order_limit_minor": 50_000, "total_limit_minor": 90_000, "sellers": []}


class Town:
    """A buyer, a seller and its product, with names nobody has used."""

    def __init__(self, operator: Caller) -> None:
        self.operator = operator
        self.number = secrets.token_hex(4)
        self.buyer, self.seller, self.product = (f"{kind}-{self.number}" for kind in ("ann", "sam", "mug"))

    async def open(self, stock: int = 100) -> "Town":
        budget = {"currency": "GBP", "budget_minor": 100_000, "mandate": MANDATE}
        assert await self.operator.done("POST", "/v1/buyers", {"buyer": self.buyer, **budget}) == "BuyerRegistered.v1"
        seller = {"seller": self.seller, "currency": "GBP"}
        assert await self.operator.done("POST", "/v1/sellers", seller) == "SellerRegistered.v1"
        listing = {"product": self.product, "prices_minor": [450], "stock": stock}
        assert await self.operator.done("POST", f"/v1/sellers/{self.seller}/products", listing) == "ProductListed.v1"
        return self

    def line(self, quantity: int = 2, price: int = 450) -> dict[str, Any]:
        sold = {"product": self.product, "version": 1, "seller": self.seller}
        return {**sold, "quantity": quantity, "price_minor": price}

    def checkout(self, order: str, *lines: dict[str, Any]) -> dict[str, Any]:
        return {"order": f"{order}-{self.number}", "lines": list(lines), "currency": "GBP", "payment": CARD}


async def test_a_buyer_orders_from_its_cart_and_the_seller_is_paid(operator: Caller, as_: As) -> None:
    town = await Town(operator).open()
    buyer, seller = await as_("buyer", town.buyer), await as_("seller", town.seller)
    mine = f"/v1/buyers/{town.buyer}"
    assert await buyer.done("POST", f"{mine}/cart", {"line": town.line()}) == "CartChanged.v1"
    assert await buyer.done("PUT", f"{mine}/cart/{town.product}", {"quantity": 3}) == "CartChanged.v1"
    assert (await buyer.look(f"{mine}/cart"))["total_minor"] == 3 * 450
    order = f"cart-{town.number}"
    assert await buyer.done("POST", f"{mine}/orders", town.checkout("cart")) == "PaymentSucceeded.v1"
    assert (await buyer.look(f"{mine}/cart"))["lines"] == []

    told = await operator.told_at_last(f"transactions/{order}", "TransactionSettled.v1")
    assert (told["agent"]["subject"], told["state"]["status"]) == (order, "settled")
    shown = await buyer.look(f"{mine}/orders/{order}")
    assert (shown["order"]["status"], shown["order"]["total_minor"]) == ("settled", 1_350)
    steps = [step["type"].removesuffix(".v1") for step in shown["timeline"] if step["stream"] == "transactions"]
    assert [step for step in steps if step in {"OrderPlaced", "PaymentSucceeded", "TransactionSettled"}] == [
        "OrderPlaced", "PaymentSucceeded", "TransactionSettled"
    ]  # fmt: skip

    dashboard = await seller.look(f"/v1/sellers/{town.seller}/dashboard")
    (sums,), (sale,) = dashboard["sums"], dashboard["sales"]
    assert (sums["settled"], sums["open"], sums["payout_minor"] + sums["fee_minor"]) == (1, 0, 1_350)
    assert (sale["status"], sale["payout_minor"], sale["fee_minor"]) == (
        "settled",
        sums["payout_minor"],
        sums["fee_minor"],
    )
    paid = (await seller.look(f"/v1/accounts/seller:{town.seller}"))["balances"]
    assert paid == [{"currency": "GBP", "balance_minor": sums["payout_minor"]}]
    state = (await seller.look(f"/v1/agents/sellers/{town.seller}"))["state"]
    assert (state["sums"], state["balances"]) == (dashboard["sums"], paid)
    state = (await buyer.look(f"/v1/agents/buyers/{town.buyer}"))["state"]
    assert (state["cart"]["lines"], state["balances"]) == ([], [{"currency": "GBP", "balance_minor": -1_350}])
    left = await buyer.look(f"/v1/products/{town.product}")
    assert (await operator.look(f"/v1/agents/products/{town.product}"))["state"] == left
    assert (left["available"], left["sold"]) == (97, 3)
    assert all(check["difference"] == 0 for check in await operator.look("/v1/audit"))


async def test_a_seller_reprices_replaces_and_replenishes_its_products(operator: Caller, as_: As) -> None:
    town = await Town(operator).open(stock=1)
    seller = await as_("seller", town.seller)
    one = f"/v1/sellers/{town.seller}/products/{town.product}"
    assert await seller.done("PUT", f"{one}/price", {"price_minor": 425}) == "PriceChanged.v1"
    assert await seller.done("POST", f"{one}/stock", {"quantity": 20}) == "StockReplenished.v1"
    assert await seller.done("POST", f"{one}/replacement", {"prices_minor": [475]}) == "ProductReplaced.v1"
    shown = await seller.look(f"/v1/products/{town.product}")
    assert (shown["price_minor"], shown["version"], shown["stock"]) == (475, 2, 21)
    found = await seller.look(f"/v1/products?text={town.number}&limit=1")
    assert [item["product"] for item in found["items"]] == [town.product]
    assert found["next"] is None


async def test_what_is_refused_is_told_with_its_reason_and_listed(operator: Caller, as_: As) -> None:
    town = await Town(operator).open(stock=1)
    buyer = await as_("buyer", town.buyer)
    asked = await buyer.ask("POST", f"/v1/buyers/{town.buyer}/orders", town.checkout("many", town.line(quantity=5)))
    assert (asked.body["type"], asked.body["data"]["reason"]) == ("TransactionCancelled.v1", "out of stock")
    dear = await buyer.ask("POST", f"/v1/buyers/{town.buyer}/orders", town.checkout("dear", town.line(quantity=999)))
    assert dear.body["type"] == "OrderRefused.v1"
    refused = await buyer.look(f"/v1/buyers/{town.buyer}/refusals")
    assert [(order["transaction"], order["reason"]) for order in refused["items"]] == [
        (f"dear-{town.number}", dear.body["data"]["reason"])
    ]


async def test_a_buyer_writes_reviews_and_gives_an_order_back(operator: Caller, as_: As) -> None:
    town = await Town(operator).open()
    buyer = await as_("buyer", town.buyer)
    mine, order = f"/v1/buyers/{town.buyer}", f"gift-{town.number}"
    await buyer.done("POST", f"{mine}/orders", town.checkout("gift", town.line()))
    assert await buyer.done("POST", f"{mine}/messages", {"text": "<b>Where</b> is it?"}) == "MessageSent.v1"
    assert await buyer.done("POST", f"{mine}/orders/{order}/review", {"rating": 5, "text": "Fine."}) == "ReviewLeft.v1"
    await operator.told_at_last(f"transactions/{order}", "TransactionSettled.v1")
    late = await buyer.ask("POST", f"{mine}/orders/{order}/return", {"reason": "too late"})
    assert (late.body["type"], late.body["data"]["reason"]) == ("ReturnRefused.v1", "already settled")


async def test_what_a_page_leaves_out_the_next_one_has(operator: Caller, as_: As) -> None:
    town = await Town(operator).open()
    seller = await as_("seller", town.seller)
    names = sorted(f"{kind}-{town.number}" for kind in ("bowl", "cup", "dish"))
    for name in names:
        await seller.done(
            "POST", f"/v1/sellers/{town.seller}/products", {"product": name, "prices_minor": [1], "stock": 1}
        )
    read: list[str] = []
    path = f"/v1/products?seller={town.seller}&limit=2"
    page = await seller.look(path)
    read += [item["product"] for item in page["items"]]
    rest = await seller.look(f"{path}&after={page['next']}")
    read += [item["product"] for item in rest["items"]]
    assert read == sorted([*names, town.product])
    assert rest["next"] is None
