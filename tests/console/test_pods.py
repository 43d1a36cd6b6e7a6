"""``agora migrate NAME`` and ``agora await NAME`` as a cluster runs them: one database, its two roles, nobody else."""

import json
import time
from pathlib import Path

import asyncpg
import pytest

from agora.discovery import folders
from agora.provision import Access, provision
from agora.revision import known, standing
from agora.topics import ensure_topics
from tests.console.commands import agora

NAME = "product"
STREAM = "products"
NEWEST = known(folders()[NAME] / "migrations")[-1]


@pytest.fixture
async def access(postgres: str, namespace: str, tmp_path: Path) -> Access:
    """A database as an administrator hands it over: empty, and open to every role there is."""
    made = (await provision(postgres, [NAME], tmp_path, namespace))[NAME]
    await execute(postgres, f"GRANT ALL ON DATABASE {made.database} TO PUBLIC")
    return made


@pytest.fixture
def owner(access: Access, namespace: str) -> dict[str, str]:
    return {"AGORA_DATABASE": access.owner_url, "AGORA_NAMESPACE": namespace}


@pytest.fixture
def service(access: Access, kafka: str, namespace: str) -> dict[str, str]:
    return {"AGORA_DATABASE": access.url, "AGORA_KAFKA": kafka, "AGORA_NAMESPACE": namespace}


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def be_ahead(access: Access, oldest: str) -> None:
    """Bring the database to a later release's revision, on which code of ``oldest`` and later may run."""
    kept = json.dumps({"oldest": oldest})
    ahead = "UPDATE alembic_version SET version_num = '9999'"
    await execute(access.owner_url, ahead, f"COMMENT ON TABLE alembic_version IS '{kept}'")


async def ends(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run a command to its end; its exit code, its result and the last thing it said."""
    async with agora(*arguments, "--json", **variables) as command:
        code, output = await command.ended()
    return code, output, command.said[-1] if command.said else ""


async def test_the_owner_alone_migrates_a_database_twice_without_harm(access: Access, owner: dict[str, str]) -> None:
    for _ in range(2):
        code, output, said = await ends("migrate", NAME, **owner)
        assert (code, json.loads(output)) == (0, {"revisions": {NAME: NEWEST}}), said
    assert (await standing(access.url)).at == NEWEST
    await execute(access.url, "SELECT * FROM agents")


async def test_after_it_no_other_role_can_log_in(
    postgres: str, access: Access, owner: dict[str, str], namespace: str, tmp_path: Path
) -> None:
    other = (await provision(postgres, ["clerk"], tmp_path, namespace))["clerk"].url
    stolen = other.replace(f"{namespace}agora_clerk", access.database)
    await execute(stolen, "SELECT 1")
    assert (await ends("migrate", NAME, **owner))[0] == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await execute(stolen, "SELECT 1")
    await execute(access.url, "SELECT 1")


async def test_a_service_is_awaited_until_its_tables_and_its_topic_are_there(
    service: dict[str, str], owner: dict[str, str], kafka: str, namespace: str
) -> None:
    async with agora("await", NAME, "--json", **service) as waiting:
        await waiting.hears("waiting for its migration: The database of product is at revision none")
        assert (await ends("migrate", NAME, **owner))[0] == 0
        await waiting.hears(f"waiting for the topic '{namespace}{STREAM}'")
        await ensure_topics(kafka, [f"{namespace}{STREAM}"], 2)
        code, output = await waiting.ended()
    assert (code, json.loads(output)) == (0, {"service": NAME, "revision": NEWEST})


async def test_a_database_that_is_still_to_be_made_is_awaited(
    service: dict[str, str], owner: dict[str, str], access: Access, kafka: str, namespace: str
) -> None:
    await ensure_topics(kafka, [f"{namespace}{STREAM}"], 2)
    elsewhere = {**service, "AGORA_DATABASE": access.url.replace(access.database, f"{namespace}nowhere")}
    async with agora("await", NAME, **elsewhere) as waiting:
        await waiting.hears("does not exist")
    assert (await ends("migrate", NAME, **owner))[0] == 0
    assert (await ends("await", NAME, **service))[0] == 0


@pytest.mark.parametrize(("oldest", "code"), [(NEWEST, 0), ("9999", 1)])
async def test_a_newer_database_is_as_good_unless_it_contracted(
    service: dict[str, str], owner: dict[str, str], access: Access, kafka: str, namespace: str, oldest: str, code: int
) -> None:
    await ensure_topics(kafka, [f"{namespace}{STREAM}"], 2)
    await ends("migrate", NAME, **owner)
    await be_ahead(access, oldest)
    for command, variables in (("await", service), ("migrate", owner)):
        ended, output, said = await ends(command, NAME, **variables)
        assert ended == code, said
        if code:
            assert "Deploy the newer code" in json.loads(output)["error"]
    assert await standing(access.url) == ("9999", oldest)


async def test_who_waits_leaves_at_once_when_told_to(service: dict[str, str]) -> None:
    async with agora("await", NAME, **service) as waiting:
        await waiting.hears("waiting for its migration")
        began = time.monotonic()
        waiting.process.terminate()
        code, _ = await waiting.ended()
    assert code == 143
    assert time.monotonic() - began < 2


async def test_what_waits_says_so_now_and_then(service: dict[str, str]) -> None:
    async with agora("await", NAME, AGORA_LOG="json", **service) as waiting:
        first = json.loads(await waiting.hears("waiting for its migration"))
        again = json.loads(await waiting.hears("waiting for its migration"))
    assert {first["service"], again["service"]} == {"await"}
    assert {first["level"], again["level"]} == {"warning"}
    assert len(waiting.said) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("await", "nobody"), "no service 'nobody'; there are buyer"),
        (("migrate", "nobody"), "no service 'nobody'; there are buyer"),
        (("await", NAME), "set AGORA_KAFKA and AGORA_DATABASE"),
        (("migrate", NAME), "set AGORA_DATABASE"),
    ],
)
async def test_what_is_not_set_or_not_there_is_named(arguments: tuple[str, ...], words: str) -> None:
    code, output, _ = await ends(*arguments)
    assert code == 1
    assert words in json.loads(output)["error"]


async def test_a_service_cannot_have_its_passwords_changed_alone() -> None:
    assert (await ends("migrate", NAME, "--rotate"))[0] == 2
