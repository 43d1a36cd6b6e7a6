"""A real Apicurio Registry on the Java of a wheel: fetched once from Maven Central, pinned, in memory, on loopback."""

import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import requests
from filelock import FileLock

from agora.embedded.jars import digest
from agora.embedded.kafka import find_java
from agora.embedded.process import ServerProcess, free_port
from agora.settings import Settings

VERSION = "3.3.3"
GROUP, ARTIFACT, CLASSIFIER, PACKAGING = "io.apicurio", "apicurio-registry-app", "all", "tar.gz"  # 159 MB, for Java 21
SHA256 = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"
API = "/apis/ccompat/v7"
FETCH_SECONDS_MAX = 300
READY_SECONDS_MAX = 60
OPTIONS = (
    "-Xmx300m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dquarkus.http.host=127.0.0.1",
    "-Dquarkus.management.host=127.0.0.1",  # it would listen on every interface
    "-Dquarkus.management.port=0",
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
)


@contextmanager
def apicurio(directory: Path) -> Generator[str]:
    """The URL of an empty registry's Confluent-compatible API."""
    home = fetched(Settings.read().home / "cache")
    server = ServerProcess("Apicurio", directory, stop_signal="SIGTERM", grace_seconds=10)
    with server.starting():
        port = free_port()
        url = f"http://127.0.0.1:{port}{API}"
        start = [find_java(), *OPTIONS, f"-Dquarkus.http.port={port}", "-jar", str(home / "quarkus-run.jar")]
        server.spawn(start, port)
        server.await_ready(lambda: _answers(f"{url}/schemas/types"), READY_SECONDS_MAX)
    try:
        yield url
    finally:
        server.stop()


def fetched(cache: Path) -> Path:
    """The unpacked program, fetched if it is not there yet."""
    home = cache / f"apicurio-{VERSION}"
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "apicurio.lock", timeout=FETCH_SECONDS_MAX):
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as work:
                _unpack(_fetch(Path(work)), Path(work) / "unpacked").rename(home)
    return home


def _fetch(work: Path) -> Path:
    from jgo.config import GlobalSettings  # noqa: PLC0415 - half a second that few runs need
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext(repo_cache=work, timeout=FETCH_SECONDS_MAX)
    context.remote_repos.update(GlobalSettings.load().repositories)
    archive = context.project(GROUP, ARTIFACT).at_version(VERSION).artifact(CLASSIFIER, PACKAGING).resolve()
    assert digest(archive) == SHA256, f"{archive.name} is not the archive that was pinned"
    return archive


def _unpack(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    return target


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=1).ok
    except requests.RequestException:
        return False
