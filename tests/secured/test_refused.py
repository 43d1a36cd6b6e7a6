"""Whoever steals a service's password can do with it what that service does, and not one thing more.

Every user tries everything there is, with requests that no client of ours would send: Kafka asks whether one may
before it looks at what is wrong with them, so nothing is written, and no group is disturbed.
"""

import asyncio
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.protocol.admin import CreateAclsRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import JoinGroupRequest
from aiokafka.protocol.produce import ProduceRequest

from agora.discovery import folders
from tests.secured.conftest import STRANGER, Secured
from tests.secured.contracts import STREAMS, may_join, may_read, may_write
from tests.secured.secured_kafka import Acl, asked, fields

SERVICES = tuple(folders())
NONE: set[str] = set()
READS = {name: may_read(name) for name in SERVICES} | {"traces": {*STREAMS}, "operator": {*STREAMS}}
WRITES = {name: may_write(name) for name in SERVICES}
JOINS = {name: may_join(name) for name in SERVICES} | {"traces": {"traces"}}
USERS = (*SERVICES, "traces", "operator", "topics", STRANGER.removeprefix("agora-"))
GROUPS = sorted({"traces", "buyerx", "traces.0", *SERVICES, *(group for name in SERVICES for group in may_join(name))})

TOPIC_REFUSED, GROUP_REFUSED, CLUSTER_REFUSED, EXISTS = 29, 30, 31, 36
SESSION_MS_UNSOUND = 1
NO_BATCH = b""


async def is_read(client: AIOKafkaAdminClient, topic: str) -> bool:
    answer = await asked(client, FetchRequest(0, 0, 1_000, 0, [(topic, [(0, 0, 1_000)])]))
    ((_, ((_, error, *_),)),) = answer.topics
    return error != TOPIC_REFUSED


async def is_written(client: AIOKafkaAdminClient, topic: str) -> bool:
    answer = await asked(client, ProduceRequest(None, -1, 1_000, [(topic, [(0, NO_BATCH)])]))
    ((_, ((_, error, *_),)),) = answer.topics
    assert error != 0
    return error != TOPIC_REFUSED


async def is_joined(client: AIOKafkaAdminClient, group: str) -> bool:
    request = JoinGroupRequest(group, SESSION_MS_UNSOUND, 1_000, "", "", "consumer", [("range", b"")])
    answer = await asked(client, request)
    assert answer.error_code != 0
    return answer.error_code != GROUP_REFUSED


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("tried", "names", "granted"),
    [(is_read, STREAMS, READS), (is_written, STREAMS, WRITES), (is_joined, GROUPS, JOINS)],
)
async def test_a_user_can_do_what_its_contract_asks_for_and_nothing_else(
    secured: Secured, user: str, tried: Any, names: tuple[str, ...], granted: dict[str, set[str]]
) -> None:
    async with secured.kafka.client(f"agora-{user}") as client:
        done = await asyncio.gather(*(tried(client, secured.namespace + name) for name in names))
    assert {name for name, is_done in zip(names, done, strict=True) if is_done} == granted.get(user, NONE)


@pytest.mark.parametrize("user", USERS)
async def test_only_the_maker_of_topics_makes_any_and_none_but_streams(secured: Secured, user: str) -> None:
    names = [secured.namespace + name for name in (*STREAMS, "mine")]
    async with secured.kafka.client(f"agora-{user}") as client:
        made: Any = await client.create_topics([NewTopic(name, 1, 1) for name in names])
        gone: Any = await client.delete_topics(names)
    expected = dict.fromkeys(names, EXISTS if user == "topics" else TOPIC_REFUSED) | {names[-1]: TOPIC_REFUSED}
    assert {name: error for name, error, *_ in made.topic_errors} == expected
    assert {name: error for name, error, *_ in gone.topic_error_codes} == dict.fromkeys(names, TOPIC_REFUSED)


@pytest.mark.parametrize("user", USERS)
async def test_nobody_gives_itself_rights(secured: Secured, user: str) -> None:
    own = Acl(f"agora-{user}", "Write", "topic", f"{secured.namespace}buyers", prefixed=False)
    async with secured.kafka.client(f"agora-{user}") as client:
        answer = await asked(client, CreateAclsRequest(*fields(own)))
    assert [error for error, *_ in answer.creation_responses] == [CLUSTER_REFUSED]
