"""Ids that hold what addresses are made of: each is found under its own address, and nothing else is."""

import json
import secrets
from contextlib import aclosing
from urllib.parse import quote

import pytest
from yarl import URL

from services.gateway.http.addresses import spelled
from tests.gateway.client import Caller
from tests.gateway.conftest import As
from tests.gateway.test_live import events

HOSTILE = [
    "a/b",
    "/",
    "a//b",
    "a?b=c",
    "a#b",
    "a%b",
    "a%2Fb",
    "a%252Fb",
    "%",
    "..",
    "../keys",
    "..%2f..%2fkeys",
    "a b",
    "a+b",
    "a;b,c=d&e",
    "a:b@c",
    "a\\b",
    "a\nb\r\nSet-Cookie: c",
    "<script>'\"",
    "mug/price",
    "Übergröße",
    "日本/🐈",
    "\ufffd",
]


def written(name: str) -> str:
    return quote(name, safe="")


@pytest.mark.parametrize("ugly", HOSTILE, ids=ascii)
async def test_whatever_an_id_holds_it_is_found_under_its_address(ugly: str, operator: Caller, as_: As) -> None:
    name = f"{secrets.token_hex(3)}{ugly}" if ugly != ".." else ugly
    at = written(name)
    registered = await operator.ask("POST", "/v1/sellers", {"seller": name, "currency": "GBP"})
    assert registered.body["data"]["seller"] == name
    seller, other = await as_("seller", name), await as_("seller", "mallory")
    listing = {"product": name, "prices_minor": [450], "stock": 3}
    listed = await seller.ask("POST", f"/v1/sellers/{at}/products", listing)
    assert (listed.body["type"], listed.body["data"]["product"]) == ("ProductListed.v1", name)
    priced = await seller.ask("PUT", f"/v1/sellers/{at}/products/{at}/price", {"price_minor": 425})
    assert (priced.body["type"], priced.body["data"]["product"]) == ("PriceChanged.v1", name)

    shown = await seller.look(f"/v1/products/{at}")
    assert (shown["product"], shown["seller"], shown["price_minor"]) == (name, name, 425)
    assert (await seller.look(f"/v1/sellers/{at}/dashboard"))["seller"] == name
    assert (await seller.look(f"/v1/accounts/seller%3A{at}"))["account"] == f"seller:{name}"
    assert (await seller.look(f"/v1/agents/sellers/{at}"))["agent"]["subject"] == name
    for path in (f"sellers/{at}/dashboard", f"accounts/seller%3A{at}", f"agents/sellers/{at}"):
        answer = await other.call("GET", f"/v1/{path}")
        assert (answer.status, answer.problem) == (403, "not-yours")


@pytest.mark.parametrize("ugly", ["a/b", "a?b#c", "a%2Fb", "日本/🐈"], ids=ascii)
async def test_whoever_has_such_an_id_is_followed_live(ugly: str, operator: Caller) -> None:
    name = f"{secrets.token_hex(3)}{ugly}"
    await operator.ask("POST", "/v1/sellers", {"seller": name, "currency": "GBP"})
    agent = written(f"sellers/{name}")
    read = (await operator.call("GET", f"/v1/events?agent={agent}")).body["events"]
    assert [event["type"] for event in read] == ["RegisterSeller.v1", "SellerRegistered.v1"]
    async with aclosing(events(operator, URL(f"?agent={agent}", encoded=True).raw_query_string, 0)) as following:
        told = [await anext(following) for _ in read]
    assert [(number, kind) for number, kind, _ in told] == [(event["seq"], event["type"]) for event in read]
    assert {data["subject"] for _, _, data in told} == {name}


@pytest.mark.parametrize("key", ["a/b?c#d%2Fe", "%", "a+b&c", "http://elsewhere/", "'\"<>\\^`{|}~"])
async def test_an_outcome_is_found_at_the_location_whatever_the_key_holds(key: str, operator: Caller) -> None:
    asked = await operator.ask("POST", "/v1/sellers", {"seller": "kay", "currency": "GBP"}, key=key)
    found = await operator.call("GET", asked.headers["location"])
    assert (found.status, found.body["story"]) == (200, asked.body["story"])


NOWHERE = [
    "/v1%2Fproducts",
    "/v1/buyers/ann%2Fcart",
    "/v1/buyers%2Fann/cart",
    "/v1/products/../keys",
    "/v1/products/%2E%2E/keys",
    "/%2e%2e/v1/keys",
    "/v1//keys",
    "//v1/keys",
    "/v1/keys%00",
    "/v1/keys%20",
    "/v1/keys;a=b",
]


@pytest.mark.parametrize("path", NOWHERE)
async def test_what_is_encoded_leads_to_no_other_address(path: str, operator: Caller) -> None:
    answer = await operator.call("GET", path)
    assert (answer.status, answer.problem) == (404, "not-found")


async def test_an_address_may_be_spelled_with_more_than_it_needs(operator: Caller) -> None:
    assert (await operator.call("GET", "/%761/k%65ys")).status == 200


async def test_an_id_that_looks_like_anothers_address_is_not_the_other(operator: Caller, as_: As) -> None:
    sly = await as_("buyer", "ann/cart")
    for path in ("/v1/buyers/ann/cart", "/v1/buyers/ann%2Fcart/../cart", "/v1/buyers/ann/orders"):
        assert (await sly.call("GET", path)).status in {403, 404}
    assert (await sly.look("/v1/buyers/ann%2Fcart/cart"))["buyer"] == "ann/cart"
    both = [(await operator.look(f"/v1/buyers/{name}/cart"))["buyer"] for name in ("ann%2Fcart", "ann%252Fcart")]
    assert both == ["ann/cart", "ann%2Fcart"]


@pytest.mark.parametrize("part", ["%", "%z", "%zz", "%2", "a%2", "%ff", "%c0%af", "%ed%a0%80", "%u002F"])
async def test_what_is_no_percent_encoded_text_is_turned_away(part: str, operator: Caller) -> None:
    for path in (f"/v1/products/{part}", f"/v1/sellers/{part}/dashboard", f"/{part}"):
        answer = await operator.call("GET", path)
        assert (answer.status, answer.problem) == (400, "bad-request")


@pytest.mark.parametrize("name", ["a%00b", "x" * 101])
async def test_a_name_that_nobody_can_have_is_turned_away(name: str, operator: Caller) -> None:
    asked = await operator.ask("POST", f"/v1/sellers/{name}/products", {"product": "p", "prices_minor": [1]})
    looked = await operator.call("GET", f"/v1/sellers/{name}/dashboard")
    assert [(answer.status, answer.problem) for answer in (asked, looked)] == [(422, "wrong-fields")] * 2
    assert {answer.body["errors"][0]["pointer"] for answer in (asked, looked)} == {"/path/seller"}


def test_a_path_has_one_spelling() -> None:
    assert spelled(b"/v1/a%2fb%7E%3a") == "/v1/a%2Fb~%3A"
    for name in HOSTILE:
        assert spelled(f"/v1/{written(name)}".encode()) == f"/v1/{written(name)}"
        assert json.loads(json.dumps(name)) == name
