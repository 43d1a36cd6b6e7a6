"""A real PostgreSQL and a real Kafka, started once for the whole run, whoever needs them first.

With pytest-xdist the workers share them: the worker that came first starts a server, and stops it once the last
worker that uses it is done.
"""

import os
import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from agora.embedded import EmbeddedKafka, EmbeddedPostgres
from agora.settings import Settings

USERS_SECONDS_MAX = 600


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The administrator's URL of a PostgreSQL server."""
    if (given := Settings.read().postgres) is not None:
        yield given
        return
    server = EmbeddedPostgres(_shared(tmp_path_factory) / "postgres")
    with _in_common(server.directory, server.is_running, server.start, server.stop):
        yield server.url()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The bootstrap address of a Kafka broker."""
    if (given := Settings.read().kafka) is not None:
        yield given
        return
    server = EmbeddedKafka(_shared(tmp_path_factory) / "kafka")
    with _in_common(server.directory, server.is_running, server.start, server.stop):
        yield server.bootstrap


@pytest.fixture
def namespace() -> str:
    """A prefix for topics and databases that no other test has."""
    return f"t{secrets.token_hex(4)}_"


def _shared(factory: pytest.TempPathFactory) -> Path:
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextmanager
def _in_common(
    directory: Path, is_running: Callable[[], bool], start: Callable[[], None], stop: Callable[[], None]
) -> Generator[None]:
    """Use a server together with the other workers; the one that started it stays until the last has left."""
    users = directory.with_name(f"{directory.name}.users")
    users.mkdir(exist_ok=True)
    lock = FileLock(directory.with_name(f"{directory.name}.lock"), timeout=USERS_SECONDS_MAX)
    mine = users / str(os.getpid())
    with lock:
        if is_ours := not is_running():
            start()
        mine.touch()
    try:
        yield
    finally:
        mine.unlink()
        deadline = time.monotonic() + USERS_SECONDS_MAX
        while is_ours:
            with lock:
                if not _alive(users) or time.monotonic() > deadline:
                    stop()
                    break
            time.sleep(0.1)


def _alive(users: Path) -> list[Path]:
    return [user for user in users.iterdir() if psutil.pid_exists(int(user.name))]
