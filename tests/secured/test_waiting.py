"""What a process says that Kafka does not let in, or not do its work: who was refused what, and what to do."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
import trustme

from agora.discovery import streams
from agora.serve import READY
from agora.topics import TopicError, ensure_topics
from console.children import Child
from console.log_reader import open_log
from console.output import Failure
from tests.gateway.client import Caller
from tests.gateway.test_trading import Town
from tests.secured.conftest import OPERATOR_KEY, PARTITIONS, STRANGER, Secured
from tests.secured.secured_kafka import Acl, being

SECONDS_MAX = 40
TO_DO = "agora grants --kafka"


async def says(child: Child, *words: str) -> None:
    """Wait until some line of what it says, from now on or before, has all these words."""
    async with asyncio.timeout(SECONDS_MAX):
        while not any(all(word in line for word in words) for line in child.log.read_text().splitlines()):
            assert child.ended() is None, child.last_words()
            await asyncio.sleep(0.05)


async def works_again(child: Child, acl: Acl, market: Secured) -> None:
    assert child.ended() is None
    await market.kafka.allow(acl)
    await child.await_ready()


def the_acl(market: Secured, user: str, operation: str, kind: str, name: str) -> Acl:
    return Acl(f"agora-{user}", operation, kind, market.namespace + name, prefixed=False)


@pytest.mark.parametrize(("kind", "name"), [("topic", "buyers"), ("group", "risk")])
async def test_a_service_without_its_stream_or_its_group_says_so_and_waits(
    market: Secured, kind: str, name: str
) -> None:
    acl = the_acl(market, "risk", "Read", kind, name)
    await market.children["risk"].stop()
    await market.kafka.forbid(acl)
    market.children["risk"] = child = market.child("risk")
    child.start()
    await says(child, "does not let the user 'agora-risk'", f"the {kind} '{acl.name}'", TO_DO)
    assert READY not in child.log.read_text()
    await works_again(child, acl, market)


async def test_a_service_that_may_only_look_at_its_stream_says_so_and_waits(market: Secured) -> None:
    acl = the_acl(market, "concierge", "Read", "topic", "buyers")
    await market.children["concierge"].stop()
    await market.kafka.forbid(acl)
    market.children["concierge"] = child = market.child("concierge")
    child.start()
    await says(child, "does not let the user 'agora-concierge'", f"the topic '{acl.name}'", TO_DO)
    await works_again(child, acl, market)


async def test_what_a_service_may_not_say_waits_in_its_outbox_until_it_may(market: Secured) -> None:
    acl = the_acl(market, "product", "Write", "topic", "transactions")
    async with aiohttp.ClientSession() as session:
        operator = Caller(session, market.gateway, OPERATOR_KEY)
        town = await Town(operator).open()
        await market.kafka.forbid(acl)
        mine, order = f"/v1/buyers/{town.buyer}", f"order-{town.number}"
        asked = await operator.ask("POST", f"{mine}/orders", town.checkout("order", town.line()), wait=0)
        assert asked.status == 202
        child = market.children["product"]
        await says(child, "does not let the user 'agora-product'", f"the topic '{acl.name}'", TO_DO)
        await market.kafka.allow(acl)
        await operator.told_at_last(f"transactions/{order}", "TransactionSettled.v1")


async def test_the_gateway_says_which_stream_its_views_may_not_hear(market: Secured) -> None:
    acl = the_acl(market, "gateway", "Read", "topic", "shipments")
    other = the_acl(market, "gateway", "Write", "topic", "shipments")
    child = market.children["gateway"]
    await child.stop()
    await market.kafka.forbid(acl, other)
    child.start()
    await says(child, "does not let the user 'agora-gateway'", f"the topic '{acl.name}'", TO_DO)
    await market.kafka.allow(acl, other)


async def test_a_wrong_password_is_said_and_waited_for(secured: Secured) -> None:
    child = secured.child("risk", AGORA_KAFKA_PASSWORD="guessed")  # noqa: S106
    child.start()
    try:
        await says(child, "does not know the user 'agora-risk'", "AGORA_KAFKA_PASSWORD")
        assert "guessed" not in child.log.read_text()
    finally:
        await child.stop()


async def test_a_kafka_of_another_authority_is_not_believed(secured: Secured, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    child = secured.child("risk", AGORA_KAFKA_CA=str(other))
    child.start()
    try:
        await says(child, "certificate is not trusted", "AGORA_KAFKA_CA")
    finally:
        await child.stop()


async def test_half_a_login_ends_a_process_with_the_variable_that_is_missing(secured: Secured) -> None:
    child = secured.child("risk", AGORA_KAFKA_PASSWORD="")
    child.start()
    async with asyncio.timeout(SECONDS_MAX):
        while child.ended() is None:
            await asyncio.sleep(0.05)
    assert child.ended() == 1
    assert "AGORA_KAFKA_PASSWORD: should be set as well" in child.last_words()
    await child.stop()


async def test_commands_say_who_was_refused_and_never_take_what_they_may_not_see_for_empty(secured: Secured) -> None:
    address, namespace = secured.kafka.address, secured.namespace
    with being(secured.kafka.variables(STRANGER)):
        with pytest.raises(Failure, match=f"does not let the user '{STRANGER}' use the topic '{namespace}"):
            async with open_log(address, namespace, streams()):
                pass
        with pytest.raises(TopicError, match=f"does not let the user '{STRANGER}' use the topic"):
            await ensure_topics(address, [f"{namespace}buyers"], 2)
    with being(secured.kafka.variables(STRANGER) | {"AGORA_KAFKA_PASSWORD": "guessed"}):
        with pytest.raises(Failure, match="does not know the user"):
            async with open_log(address, namespace, streams()):
                pass
        with pytest.raises(TopicError, match="does not know the user"):
            await ensure_topics(address, [f"{namespace}buyers"], 2)


async def test_topics_whose_settings_may_not_be_looked_at_are_not_taken_for_sound(secured: Secured) -> None:
    name = f"{secured.namespace}buyers"
    acl = Acl("agora-topics", "DescribeConfigs", "topic", name, prefixed=False)
    await secured.kafka.forbid(acl)
    with being(secured.kafka.variables("agora-topics")):
        with pytest.raises(TopicError, match=f"does not let the user 'agora-topics' use the topic '{name}'"):
            await ensure_topics(secured.kafka.address, [name], PARTITIONS)
        await secured.kafka.allow(acl)
        await ensure_topics(secured.kafka.address, [name], PARTITIONS)
