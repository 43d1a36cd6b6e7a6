"""A whole market in which every process is somebody, and may do what `agora grants` says and nothing else."""

import asyncio
import secrets
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from typer.testing import CliRunner

from agora.discovery import folders
from agora.embedded.postgres import binary
from agora.grants import Rights
from agora.migrations import upgrade
from agora.provision import names_of
from agora.topics import ensure_topics
from console.children import Child
from console.grants_command import known
from console.main import app
from tests.secured.secured_kafka import Acl, Guarded, acls_of, being, guarded_kafka

PARTITIONS = 2
OPERATOR_KEY = "agora_an-operator-of-the-tests-0123456789"
STRANGER = "agora-stranger"
"""A user whose password Kafka knows, and who was granted nothing."""


@dataclass
class Secured:
    """The servers, what was granted, and the processes that run."""

    kafka: Guarded
    namespace: str
    databases: Mapping[str, str]
    directory: Path
    acls: frozenset[Acl]
    gateway: str = ""
    children: dict[str, Child] = field(default_factory=dict[str, Child])

    def child(self, service: str, **variables: str) -> Child:
        """A service's process, as the user that is its own; it is not started yet."""
        environment = self.kafka.variables(f"agora-{service}") | {
            "AGORA_DATABASE": self.databases[service],
            "AGORA_NAMESPACE": self.namespace,
            "AGORA_POSTGRES": "",
        }
        return Child(service, environment | variables, self.directory / f"{service}-{secrets.token_hex(2)}.log")


@pytest.fixture(scope="session")
def processes() -> tuple[Rights, ...]:
    return known()


@pytest.fixture(scope="session")
def spoken(worker_namespace: str) -> Mapping[str, str]:
    """What `agora grants` prints, by the option it is given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGORA_NAMESPACE", worker_namespace)
        return {option: _printed(option) for option in ("--kafka", "--sql")}


@pytest.fixture(scope="session")
def worker_namespace() -> str:
    return f"s{secrets.token_hex(3)}_"


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, processes: tuple[Rights, ...]) -> Generator[Guarded]:
    users = [*(one.user() for one in processes), STRANGER]
    with guarded_kafka(tmp_path_factory.mktemp("guarded") / "kafka", users) as started:
        yield started


@pytest.fixture(scope="session")
async def secured(
    guarded: Guarded,
    postgres: str,
    spoken: Mapping[str, str],
    worker_namespace: str,
    processes: tuple[Rights, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Secured:
    """The market, set up with nothing but what `agora grants` prints, passwords, migrations and topics."""
    acls = acls_of(spoken["--kafka"])
    await guarded.allow(*acls)
    with being(guarded.variables("agora-topics")):
        made = [worker_namespace + stream for one in processes for stream in one.makes]
        await ensure_topics(guarded.address, made, PARTITIONS)
    run_sql(postgres, spoken["--sql"])
    databases = {name: await _migrated(postgres, name, worker_namespace) for name in folders()}
    directory = tmp_path_factory.mktemp("secured")
    return Secured(guarded, worker_namespace, databases, directory, frozenset(acls))


@pytest.fixture(scope="session")
async def market(secured: Secured) -> AsyncGenerator[Secured]:
    """Every service of it at work."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        "gateway": {"AGORA_HTTP": f"127.0.0.1:{port}", "AGORA_OPERATOR_KEY": OPERATOR_KEY},
        "fulfilment": {"AGORA_DELIVERY_SECONDS": "0.2"},
        "seller": {"AGORA_SHARE": f"0-{PARTITIONS - 1}"},  # in a group of its share's name
    }
    secured.gateway = f"http://127.0.0.1:{port}"
    secured.children = {name: secured.child(name, **own.get(name, {})) for name in secured.databases}
    children = secured.children.values()
    try:
        for child in children:
            child.start()
        await asyncio.gather(*(child.await_ready() for child in children))
        assert not [child.last_words() for child in children if "does not let" in child.log.read_text()]
        yield secured
    finally:
        await asyncio.gather(*(child.stop() for child in children))


def run_sql(admin: str, script: str) -> None:
    """Have psql carry out a script as the administrator."""
    subprocess.run([binary("psql"), "--no-psqlrc", "--quiet", admin], input=script, text=True, check=True)


async def _migrated(admin: str, service: str, namespace: str) -> str:
    """Give a service's roles their passwords, and bring its database to its revision as its owner."""
    names = names_of(service, namespace)
    urls: dict[str, str] = {}
    connection = await asyncpg.connect(admin)
    for role in (names.owner, names.role):
        password = secrets.token_hex(12)
        await connection.execute(f"ALTER ROLE \"{role}\" PASSWORD '{password}'")
        parts = urlsplit(admin)
        place = f"{role}:{password}@{parts.hostname}:{parts.port}"
        urls[role] = urlunsplit((parts.scheme, place, f"/{names.database}", "", ""))
    await connection.close()
    await upgrade(urls[names.owner], folders()[service] / "migrations", names.role)
    return urls[names.role]


def _printed(option: str) -> str:
    result = CliRunner().invoke(app, ("grants", option))
    assert result.exit_code == 0, result.stderr
    return result.stdout
