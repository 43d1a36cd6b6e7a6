"""A registry of images on this machine: the part of the distribution API that tells what a tag means.

What it does is what the OCI distribution specification says of ``GET /v2/<name>/manifests/<reference>`` and of tokens.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TOKEN = "let-me-in"  # noqa: S105 - anybody gets it


@dataclass
class Registry:
    """What it has, by ``repository:tag``, and what it was asked."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    digests_said: dict[str, str] = field(default_factory=dict[str, str])
    wants_token: bool = False
    realm: str | None = None
    asked: list[str] = field(default_factory=list[str])
    address: str = ""

    def has(self, name: str, content: Any, kind: str = INDEX) -> str:
        """Let it have an image; return the name to ask for it by."""
        self.manifests[name] = (kind, json.dumps(content).encode())
        return f"{self.address}/{name}"


class Server(ThreadingHTTPServer):
    registry: Registry


@contextmanager
def running(registry: Registry) -> Generator[Registry]:
    server = Server(("127.0.0.1", 0), Handler)
    server.registry = registry
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    registry.address = f"127.0.0.1:{server.server_address[1]}"
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        registry = self.server.registry
        registry.asked.append(self.path)
        parts = urlsplit(self.path)
        if parts.path == "/token":
            self._token(parse_qs(parts.query))
        elif registry.wants_token and self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._refuse(registry, parts.path)
        else:
            self._manifest(registry, parts.path)

    def _token(self, asked: dict[str, list[str]]) -> None:
        assert asked["service"] == ["here"]
        self._send(HTTPStatus.OK, json.dumps({"token": TOKEN}).encode())

    def _refuse(self, registry: Registry, path: str) -> None:
        repository = path.removeprefix("/v2/").partition("/manifests/")[0]
        realm = registry.realm or f"http://{registry.address}/token"
        wanted = f'Bearer realm="{realm}",service="here",scope="repository:{repository}:pull"'
        self._send(HTTPStatus.UNAUTHORIZED, b"{}", {"WWW-Authenticate": wanted})

    def _manifest(self, registry: Registry, path: str) -> None:
        name = path.removeprefix("/v2/").replace("/manifests/", ":")
        kind, body = registry.manifests.get(name, ("", b""))
        if not kind or kind not in self.headers["Accept"]:
            self._send(HTTPStatus.NOT_FOUND, b"{}")
            return
        said = registry.digests_said.get(name)
        self._send(HTTPStatus.OK, body, {"Content-Type": kind} | ({"Docker-Content-Digest": said} if said else {}))

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it has
        pass
