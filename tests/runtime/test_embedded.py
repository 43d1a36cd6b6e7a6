"""The servers the product brings: durable, alone in their directory, and gone when the program is."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agora.embedded import EmbeddedKafka, EmbeddedPostgres, JarsError, ServerError
from agora.embedded.jars import fetch, read
from agora.topics import TopicError, ensure_topics

GONE_SECONDS_MAX = 20


async def test_what_was_committed_to_postgres_is_there_after_a_restart(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    for expected in (1, 2):
        server.start()
        connection = await asyncpg.connect(server.url())
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (n serial)")
        await connection.execute("INSERT INTO kept DEFAULT VALUES")
        assert await connection.fetchval("SELECT count(*) FROM kept") == expected
        await connection.close()
        server.stop()
        server.stop()


async def test_what_was_acknowledged_by_kafka_is_there_after_a_restart(tmp_path: Path) -> None:
    server = EmbeddedKafka(tmp_path / "kafka")
    for expected in (1, 2):
        server.start()
        await ensure_topics(server.bootstrap, ["kept"], partitions=1)
        await publish(server.bootstrap, "kept", f"event {expected}")
        assert await hear(server.bootstrap, "kept", expected) == [f"event {n + 1}" for n in range(expected)]
        server.stop()
        server.stop()


async def test_postgres_commits_to_disk_and_asks_for_the_password(postgres: str) -> None:
    connection = await asyncpg.connect(postgres)
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert await connection.fetchval("SELECT current_setting($1)", setting) == "on"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres, password="guessed")  # noqa: S106


def test_a_port_taken_meanwhile_is_no_error(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    url = server.url()
    server.stop()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", int(url.rsplit(":", 1)[1].split("/")[0])))
        squatter.listen()
        server.start()
        assert server.url() != url
        server.stop()
    server.start()
    server.stop()


def test_a_port_that_stayed_free_is_kept(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    urls: set[str] = set()
    for _ in range(2):
        server.start()
        urls.add(server.url())
        server.stop()
    assert len(urls) == 1


def test_another_program_sees_the_server_and_can_stop_it_but_not_start_it_twice(tmp_path: Path) -> None:
    server, other = (EmbeddedPostgres(tmp_path / "postgres") for _ in range(2))
    server.start()
    assert other.is_running()
    assert other.url() == server.url()
    with pytest.raises(ServerError, match="already runs"):
        other.start()
    other.stop()
    assert not server.is_running()
    server.stop()
    with pytest.raises(ServerError, match="Start it first"):
        server.url()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    server.stop()
    (tmp_path / "postgres" / "data" / "pg_hba.conf").write_text("nonsense\n")
    with pytest.raises(ServerError, match=r"pg_hba\.conf"):
        server.start()
    assert not server.is_running()


@pytest.mark.parametrize("died_of", [signal.SIGKILL, signal.SIGTERM])
def test_the_server_goes_in_order_when_its_program_dies(tmp_path: Path, died_of: signal.Signals) -> None:
    program = (
        "import sys, time, threading, pathlib\n"
        "from agora.embedded import EmbeddedPostgres\n"
        f"server = EmbeddedPostgres(pathlib.Path({str(tmp_path / 'postgres')!r}))\n"
        "thread = threading.Thread(target=server.start); thread.start(); thread.join()\n"
        "print('up', flush=True); time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"up\n"
        server = EmbeddedPostgres(tmp_path / "postgres")
        postmaster = psutil.Process(int((tmp_path / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))
        assert postmaster.is_running()
        running.send_signal(died_of)
        running.wait()
        postmaster.wait(GONE_SECONDS_MAX)
    until(lambda: not server.is_running())
    assert "database system is shut down" in (tmp_path / "postgres" / "server.log").read_text()


def test_the_server_goes_when_its_guard_is_killed(tmp_path: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux tells a child of its parent's death")
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.start()
    postmaster = psutil.Process(int((tmp_path / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))
    postmaster.parent().kill()  # pyright: ignore[reportOptionalMemberAccess]
    postmaster.wait(GONE_SECONDS_MAX)
    server.stop()


def test_a_jar_that_is_not_the_pinned_one_is_never_run(tmp_path: Path) -> None:
    jar = next(jar for jar in read() if jar.artifact == "kafka-tools-api")
    lock = tmp_path / "jars.lock"
    lock.write_text(f"{jar.sha256}  {jar.group}:{jar.artifact}:{jar.version}\n")
    (tmp_path / jar.file_name).write_bytes(b"not the jar")
    with pytest.raises(JarsError, match=r"not the jar that was pinned.*Delete it"):
        fetch(tmp_path, lock)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A Maven repository of our own, in place of the one jgo knows."""
    folder = tmp_path / "repository"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        (tmp_path / "jgo.conf").write_text(f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield folder
        server.shutdown()
        serving.join()


def test_a_jar_is_fetched_once_from_the_repository_that_jgo_is_told_of(tmp_path: Path, repository: Path) -> None:
    (repository / "org/example/tool/1.0").mkdir(parents=True)
    (repository / "org/example/tool/1.0/tool-1.0.jar").write_bytes(b"a jar")
    lock = tmp_path / "jars.lock"
    lock.write_text(f"{sha256(b'a jar').hexdigest()}  org.example:tool:1.0\n")
    assert [jar.read_bytes() for jar in fetch(tmp_path / "jars", lock)] == [b"a jar"]
    (repository / "org/example/tool/1.0/tool-1.0.jar").unlink()
    assert [jar.read_bytes() for jar in fetch(tmp_path / "jars", lock)] == [b"a jar"]


def test_a_jar_that_arrives_other_than_pinned_is_refused_and_not_kept(tmp_path: Path, repository: Path) -> None:
    (repository / "org/example/tool/1.0").mkdir(parents=True)
    (repository / "org/example/tool/1.0/tool-1.0.jar").write_bytes(b"another jar")
    lock = tmp_path / "jars.lock"
    lock.write_text(f"{sha256(b'a jar').hexdigest()}  org.example:tool:1.0\n")
    with pytest.raises(JarsError, match="not the jar that was pinned"):
        fetch(tmp_path / "jars", lock)
    assert not list((tmp_path / "jars").glob("*.jar"))


def test_a_jar_that_is_nowhere_to_be_had_is_named(tmp_path: Path, repository: Path) -> None:
    assert repository.exists()
    lock = tmp_path / "jars.lock"
    lock.write_text(f"{'0' * 64}  org.example:tool:1.0\n")
    with pytest.raises(JarsError, match=r"org\.example:tool:1\.0 could not be fetched.*AGORA_KAFKA"):
        fetch(tmp_path / "jars", lock)


async def test_a_topic_with_another_number_of_partitions_is_refused(kafka: str, namespace: str) -> None:
    await ensure_topics(kafka, [f"{namespace}buyers", f"{namespace}sellers"], partitions=4)
    await ensure_topics(kafka, [f"{namespace}sellers"], partitions=4)
    with pytest.raises(TopicError, match="has 4 partitions where 8 are expected"):
        await ensure_topics(kafka, [f"{namespace}sellers"], partitions=8)


async def publish(bootstrap: str, topic: str, value: str) -> None:
    producer: Any = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value.encode())
    finally:
        await producer.stop()


async def hear(bootstrap: str, topic: str, count: int) -> list[str]:
    consumer: Any = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value.decode() for _ in range(count)]
    finally:
        await consumer.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GONE_SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
