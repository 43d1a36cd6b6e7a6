"""Kafka's jars: fetched once, each checked against the SHA-256 in ``jars.lock`` before it is used.

After a change of ``ROOTS`` or ``UNUSED``, run ``python -m agora.embedded.jars --relock`` and read the difference:
it resolves the dependencies anew, fetches every jar and writes down what it found.
"""

import argparse
import hashlib
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock

if TYPE_CHECKING:
    from jgo.maven import MavenContext

ROOTS: Final = ("org.apache.kafka:kafka_2.13:4.3.1", "org.slf4j:slf4j-simple:1.7.36")

# What one broker on its own never loads: remote storage, OAuth, CSV, and the libraries behind bean validation.
UNUSED: Final = frozenset(
    {
        "caffeine",
        "commons-beanutils",
        "commons-collections",
        "commons-digester",
        "commons-logging",
        "jackson-dataformat-csv",
        "jose4j",
        "jspecify",
        "scala-reflect",
    }
)

LOCK: Final = Path(__file__).with_name("jars.lock")
DOWNLOADS_AT_ONCE: Final = 8
DOWNLOAD_ATTEMPTS_MAX: Final = 3
DOWNLOAD_SECONDS_MAX: Final = 60
FETCH_SECONDS_MAX: Final = 600


class JarsError(RuntimeError):
    """A jar could not be had, or is not the one that was pinned."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned file: its Maven coordinates and the SHA-256 it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name Maven gives this jar."""
        return f"{self.artifact}-{self.version}.jar"


def fetch(directory: Path, lock: Path = LOCK) -> list[Path]:
    """Return the pinned jars, in the order of the lock, from ``directory``; fetch those that are not there yet."""
    jars = read(lock)
    directory.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not (directory / jar.file_name).exists()]
    if missing:
        with FileLock(directory / ".lock", timeout=FETCH_SECONDS_MAX):
            _download(missing, directory)
    for jar in jars:
        verify(directory / jar.file_name, jar)
    return [directory / jar.file_name for jar in jars]


def verify(path: Path, jar: Jar) -> None:
    """Raise unless this file is the one that was pinned."""
    found = digest(path)
    if found != jar.sha256:
        raise JarsError(
            f"{path} is not the jar that was pinned: its SHA-256 is {found}, {LOCK.name} says {jar.sha256}. "
            "It was damaged or replaced and will not be run. Delete it, and it is fetched again."
        )


def read(lock: Path = LOCK) -> list[Jar]:
    """Read the lock: a line is the SHA-256 and ``group:artifact:version``."""
    lines = (line.split() for line in lock.read_text().splitlines() if line and not line.startswith("#"))
    return [Jar(*coordinates.split(":"), sha256=sha256) for sha256, coordinates in lines]


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(jars: Iterable[Jar], directory: Path) -> None:
    with tempfile.TemporaryDirectory(dir=directory, prefix=".fetching-") as work:

        def bring(jar: Jar) -> None:
            target = directory / jar.file_name
            if not target.exists():  # another process may have brought it while we waited for the lock
                fetched = _fetch(Path(work), f"{jar.group}:{jar.artifact}:{jar.version}")
                verify(fetched, jar)
                fetched.replace(target)

        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            list(pool.map(bring, jars))


def _fetch(work: Path, coordinates: str) -> Path:
    """Download one artifact from the repositories jgo is configured with (Maven Central unless told otherwise)."""
    artifact = _context(work).create_dependency(coordinates).artifact
    for attempt in range(1, DOWNLOAD_ATTEMPTS_MAX + 1):
        try:
            return artifact.resolve()
        except (OSError, RuntimeError) as error:
            if attempt == DOWNLOAD_ATTEMPTS_MAX:
                raise JarsError(
                    f"{coordinates} could not be fetched: {error}. Kafka's jars are needed once, then kept. "
                    "Check the network, or set AGORA_KAFKA to a broker of your own."
                ) from error
            if artifact.cached_path is not None:
                artifact.cached_path.unlink(missing_ok=True)
    raise AssertionError(coordinates)


def _context(work: Path) -> "MavenContext":
    """Open the repositories jgo is configured with; jgo takes half a second to import, and is needed once."""
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext(repo_cache=work, timeout=DOWNLOAD_SECONDS_MAX)
    context.remote_repos.update(GlobalSettings.load().repositories)
    return context


def relock(lock: Path = LOCK) -> None:
    """Resolve ``ROOTS`` anew and pin what they need."""
    with tempfile.TemporaryDirectory() as work:
        context = _context(Path(work))
        roots, rest = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
        found = [dependency.artifact for dependency in (*roots, *rest) if dependency.artifactId not in UNUSED]
        names = sorted(f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}" for artifact in found)
        lines = [f"{digest(_fetch(Path(work), name))}  {name}" for name in names]
    header = "# Made by `python -m agora.embedded.jars --relock`: SHA-256 and Maven coordinates."
    lock.write_text("\n".join([header, *lines, ""]))


def main() -> None:
    """Write the lock anew, when asked to."""
    parser = argparse.ArgumentParser(prog="python -m agora.embedded.jars", description=__doc__)
    parser.add_argument("--relock", action="store_true", required=True, help="resolve anew and rewrite jars.lock")
    parser.parse_args()
    relock()


if __name__ == "__main__":
    main()
