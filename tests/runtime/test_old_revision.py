"""``agora run`` on a database that is older or newer than the code: refused, with the command that helps."""

import json
import signal
from pathlib import Path

import asyncpg
import pytest

from agora.provision import Access, provision
from agora.serve import READY
from tests.console.commands import agora

NAME = "product"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
async def empty(postgres: str, namespace: str, home: Path) -> Access:
    """A service's database before its first revision, made as ``agora migrate`` makes it."""
    return (await provision(postgres, [NAME], home / "external", namespace))[NAME]


async def test_a_database_at_another_revision_is_refused_with_the_command_that_helps(
    kafka: str, postgres: str, namespace: str, home: Path, empty: Access
) -> None:
    common = {"AGORA_HOME": str(home), "AGORA_KAFKA": kafka, "AGORA_NAMESPACE": namespace, "AGORA_PARTITIONS": "2"}
    service = {**common, "AGORA_DATABASE": empty.url}

    async with agora("run", NAME, "--json", **service) as run:
        code, output = await run.ended()
    assert code == 1
    assert "is at revision none" in json.loads(output)["error"]
    assert json.loads(output)["error"].endswith("Run: agora migrate")

    async with agora("migrate", **common, AGORA_POSTGRES=postgres) as migrate:
        assert (await migrate.ended())[0] == 0, migrate.said
    async with agora("run", NAME, **service) as run:
        await run.hears(f'"{READY}"')
        run.process.send_signal(signal.SIGTERM)
        assert (await run.ended())[0] == 0

    owner = await asyncpg.connect(empty.owner_url)
    await owner.execute("UPDATE alembic_version SET version_num = '9999'")
    await owner.execute("""COMMENT ON TABLE alembic_version IS '{"oldest": "9999"}'""")  # it contracts
    await owner.close()
    async with agora("run", NAME, **service) as run:
        code, output = await run.ended()
    assert (code, output) == (1, "")
    assert run.said[-1].startswith("agora: ")
    assert "at revision 9999, which this code does not know" in run.said[-1]
    assert "Deploy the newer code" in run.said[-1]
