"""Requests, sound and unsound: each counts once under its key, and what is wrong is told with its place."""

import asyncio
from typing import Any

import pytest

from tests.gateway.client import Caller
from tests.gateway.conftest import RATE, As

SELLER = {"seller": "pat", "currency": "GBP"}


async def test_a_request_is_answered_at_once_and_its_outcome_is_found_at_its_location(operator: Caller) -> None:
    answer = await operator.ask("POST", "/v1/sellers", SELLER, key="a/key#1", wait=0)
    assert (answer.status, answer.body["status"]) == (202, "accepted")
    assert answer.headers["location"] == "/v1/requests/a%2Fkey%231"


@pytest.mark.parametrize("times", [2, 20])
async def test_a_request_sent_again_counts_once(operator: Caller, times: int) -> None:
    asked = {**SELLER, "seller": f"pat-{times}"}
    answers = await asyncio.gather(
        *(operator.ask("POST", "/v1/sellers", asked, key=f"again-{times}") for _ in range(times))
    )
    assert {answer.status for answer in answers} == {200}
    assert {answer.body["type"] for answer in answers} == {"SellerRegistered.v1"}
    heard = (await operator.call("GET", f"/v1/events?agent=sellers/pat-{times}")).body["events"]
    assert [event["type"] for event in heard] == ["RegisterSeller.v1", "SellerRegistered.v1"]


async def test_another_request_under_a_used_key_is_refused(operator: Caller) -> None:
    await operator.ask("POST", "/v1/sellers", SELLER, key="used")
    answer = await operator.ask("POST", "/v1/sellers", {**SELLER, "currency": "EUR"}, key="used")
    assert (answer.status, answer.problem) == (409, "key-reused")


async def test_one_callers_key_is_not_anothers(operator: Caller, as_: As) -> None:
    ann, bob = await as_("buyer", "ann-k"), await as_("buyer", "bob-k")
    for caller, buyer in ((ann, "ann-k"), (bob, "bob-k")):
        answer = await caller.ask("POST", f"/v1/buyers/{buyer}/messages", {"text": buyer}, key="same")
        assert answer.body["data"]["buyer"] == buyer
    assert (await operator.call("GET", "/v1/requests/same")).status == 404
    assert (await ann.call("GET", "/v1/requests/same")).body["data"]["buyer"] == "ann-k"


WRONG: list[tuple[object, str]] = [
    (b"no json", ""),
    (b"[]", ""),
    ({}, "/seller"),
    ({"seller": 7, "currency": "GBP"}, "/seller"),
    ({"seller": "", "currency": "GBP"}, "/seller"),
    ({"seller": "x" * 101, "currency": "GBP"}, "/seller"),
    ({**SELLER, "surprise": 1}, "/surprise"),
]


@pytest.mark.parametrize(("body", "pointer"), WRONG)
async def test_a_wrong_body_is_told_with_the_place_of_the_fault(operator: Caller, body: Any, pointer: str) -> None:
    answer = await operator.ask("POST", "/v1/sellers", body)
    assert (answer.status, answer.problem) == (422, "wrong-fields")
    assert answer.body["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(("text", "status"), [("a\0b", 422), ("\\\0", 422), ("\\u0000", 200)])
async def test_a_text_no_database_takes_is_turned_away(operator: Caller, text: str, status: int) -> None:
    answer = await operator.ask("POST", "/v1/sellers", {**SELLER, "seller": text})
    assert answer.status == status
    assert status == 200 or answer.problem == "wrong-fields"


async def test_a_write_needs_an_idempotency_key(operator: Caller) -> None:
    answer = await operator.call("POST", "/v1/sellers", SELLER)
    assert (answer.status, answer.problem) == (422, "wrong-fields")
    assert answer.body["errors"][0]["pointer"] == "/header/Idempotency-Key"


async def test_a_body_beyond_all_measure_is_turned_away(operator: Caller) -> None:
    answer = await operator.ask("POST", "/v1/buyers/ann/messages", {"text": "x" * 600_000})
    assert answer.status == 413
    assert answer.problem


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("PATCH", "/v1/sellers", 405), ("POST", "/v1/buyers/ann/cart/mug", 405)],
)
async def test_what_is_not_there_is_a_problem_as_well(operator: Caller, method: str, path: str, status: int) -> None:
    answer = await operator.call(method, path)
    assert answer.status == status
    assert answer.problem


WRONG_PAGES = [
    ("products?after=nonsense", 404),
    ("products?limit=0", 422),
    ("events?after=-1", 422),
    ("live?agent=ann", 422),
]


@pytest.mark.parametrize(("page", "status"), WRONG_PAGES)
async def test_a_wrong_page_is_a_problem(operator: Caller, page: str, status: int) -> None:
    answer = await operator.call("GET", f"/v1/{page}")
    assert (answer.status, answer.problem) == (status, "not-found" if status == 404 else "wrong-fields")
    assert answer.body["errors"][0]["pointer"].startswith("/query/")


async def test_who_asks_too_often_is_told_to_wait(as_: As) -> None:
    hasty = await as_("buyer", "hasty")
    answers = await asyncio.gather(*(hasty.call("GET", "/v1/buyers/hasty/cart") for _ in range(2 * RATE)))
    turned_away = [answer for answer in answers if answer.status == 429]
    assert turned_away
    assert {(answer.problem, answer.headers["retry-after"]) for answer in turned_away} == {("too-many-requests", "1")}
    assert len(answers) - len(turned_away) >= RATE


async def test_it_says_how_it_is_and_greets_people(stranger: Caller) -> None:
    assert (await stranger.call("GET", "/healthz")).body == {"status": "alive"}
    assert (await stranger.call("GET", "/readyz")).body == {"status": "ready"}
    assert b"<h1>Agora</h1>" in (await stranger.call("GET", "/")).body
