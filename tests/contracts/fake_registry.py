"""A schema registry in memory that follows Confluent's documented API as far as Agora speaks it.

Like most registries it compares no dialect newer than draft-07, and fails where it is asked to.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, TypeAlias
from urllib.parse import unquote

Reply: TypeAlias = tuple[int, Any]
"""A status, and JSON or bytes."""

LEVELS = ("BACKWARD", "FORWARD", "FULL")
TYPES = {"object", "array", "string", "integer", "number", "boolean", "null"}
NO_SUBJECT = (404, {"error_code": 40401, "message": "Subject not found."})
NO_SCHEMA = (404, {"error_code": 40403, "message": "Schema not found."})
NO_SUCH_PAGE = (404, b"<html>not here</html>")


@dataclass
class FakeRegistry:
    """Its memory. ``login`` is user:password where it wants one; ``upset`` answers first, unless it returns nothing."""

    login: str = ""
    upset: Callable[[str, str], Reply | None] = lambda _method, _path: None
    url: str = ""
    asked: list[str] = field(default_factory=list[str])
    schemas: list[str] = field(default_factory=list[str])
    subjects: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    levels: dict[str, str] = field(default_factory=dict[str, str])

    def answer(self, method: str, path: str, login: str, body: dict[str, str]) -> Reply:
        """What it says to a request."""
        self.asked.append(f"{method} {path}")
        if self.login and login != self.login:
            return 401, {"error_code": 401, "message": "Unauthorized"}
        return self.upset(method, path) or self._answer(method, path, body)

    def _answer(self, method: str, path: str, body: dict[str, str]) -> Reply:
        match [method, *(unquote(part) for part in path.strip("/").split("/"))]:
            case ["GET", "schemas", "types"]:
                return 200, ["JSON", "PROTOBUF", "AVRO"]
            case ["GET", "config", subject]:
                found = self.levels.get(subject)
                return (200, {"compatibilityLevel": found}) if found else NO_SUBJECT
            case ["PUT", "config", subject]:
                self.levels[subject] = body["compatibility"]
                return 200, body
            case ["POST", "subjects", subject]:
                return self._look_up(subject, body["schema"])
            case ["POST", "subjects", subject, "versions"]:
                return self._register(subject, body["schema"])
            case _:
                return NO_SUCH_PAGE

    def _look_up(self, subject: str, schema: str) -> Reply:
        if subject not in self.subjects:
            return NO_SUBJECT
        for version, known in enumerate(self.subjects[subject], 1):
            if self.schemas[known - 1] == schema:
                return 200, {"subject": subject, "version": version, "id": known, "schema": schema}
        return NO_SCHEMA

    def _register(self, subject: str, schema: str) -> Reply:
        if json.loads(schema).get("type") not in TYPES:
            return 422, {"error_code": 42201, "message": "Invalid schema"}
        if subject in self.subjects and (problem := self._problem(subject, schema)):
            return problem
        if schema not in self.schemas:
            self.schemas.append(schema)
        known = self.schemas.index(schema) + 1
        self.subjects.setdefault(subject, []).append(known)
        return 200, {"id": known}

    def _problem(self, subject: str, schema: str) -> Reply | None:
        level, _, transitive = self.levels.get(subject, "BACKWARD").partition("_")
        kept = [json.loads(self.schemas[known - 1]) for known in self.subjects[subject]]
        new = json.loads(schema)
        if level not in LEVELS:
            return None
        if any("2020-12" in one.get("$schema", "") for one in (new, *kept)):
            return 500, {"error_code": 50001, "message": "could not determine version"}
        for old in kept if transitive else kept[-1:]:
            pairs = {"BACKWARD": [(new, old)], "FORWARD": [(old, new)], "FULL": [(new, old), (old, new)]}[level]
            if not all(_reads(reader, writer) for reader, writer in pairs):
                return 409, {"error_code": 409, "message": f"Schema is incompatible with an earlier one of {subject}"}
        return None


@contextmanager
def fake_registry(login: str = "", upset: Callable[[str, str], Reply | None] | None = None) -> Generator[FakeRegistry]:
    """A fake registry that listens on the loopback interface."""
    fake = FakeRegistry(login, upset or (lambda _method, _path: None))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one(self) -> None:
            body: dict[str, str] = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            given = b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            status, said = fake.answer(self.command, self.path, given, body)
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = handle_one  # noqa: N815 - the names that the library calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing of each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake.url = f"http://127.0.0.1:{server.server_port}"
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        try:
            yield fake
        finally:
            server.shutdown()
            serving.join()


def _reads(reader: dict[str, Any], writer: dict[str, Any]) -> bool:
    """Tell whether what is valid for the writer is so for the reader, as far as fields and their types go."""
    read, written = reader.get("properties", {}), writer.get("properties", {})
    typed = all(schema.get("type") == written[name].get("type") for name, schema in read.items() if name in written)
    there = set(reader.get("required", ())) <= set(writer.get("required", ()))
    unnamed = reader.get("additionalProperties", True) or set(written) <= set(read)
    return typed and there and unnamed
