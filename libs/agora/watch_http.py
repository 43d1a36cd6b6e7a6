"""A few pages by HTTP, to a few at a time: only GET and HEAD, no request body, nobody stays for long."""

import logging
import socket
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Lock
from typing import Any, Final, NamedTuple

VISITORS_MAX: Final = 8
VISIT_SECONDS_MAX: Final = 5.0
POLL_SECONDS: Final = 0.25
JSON: Final = "application/json"

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a page answers."""

    status: HTTPStatus
    media_type: str
    body: bytes


Pages = Mapping[str, Callable[[], Answer]]


class Server(ThreadingTCPServer):
    """Listens at one address. Who comes while ``VISITORS_MAX`` are inside is turned away."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 4 * VISITORS_MAX  # whom the kernel has to leave out tries again only after a second

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        """Raises ``OSError``."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.pages = pages
        self._inside: dict[socket.socket, float] = {}
        self._door = Lock()
        super().__init__((host, port), Visit)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if self.address_family == socket.AF_INET6 else str(host)
        return f"http://{shown}:{port}"

    def serve(self) -> None:
        """Let visitors in until ``end``."""
        self.serve_forever(POLL_SECONDS)

    def end(self) -> None:
        """Stop serving; may be called once, and only while ``serve`` runs."""
        self.shutdown()
        self.server_close()

    def verify_request(self, request: Any, client_address: object) -> bool:
        del client_address
        with self._door:
            if len(self._inside) >= VISITORS_MAX:
                return False
            self._inside[request] = time.monotonic()
        return True

    def shutdown_request(self, request: Any) -> None:
        with self._door:
            self._inside.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """A visit has an end even if the visitor keeps saying a little."""
        latest = time.monotonic() - VISIT_SECONDS_MAX
        with self._door:
            for visitor, came in self._inside.items():
                if came < latest:
                    _show_out(visitor)

    def handle_error(self, request: object, client_address: object) -> None:
        del request
        log.debug("a visit of %s ended early", client_address)


class Visit(BaseHTTPRequestHandler):
    """One request."""

    timeout = VISIT_SECONDS_MAX
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] - no other server has visits

    def parse_request(self) -> bool:
        """Answer what is neither GET nor HEAD at once."""
        if not super().parse_request():
            return False
        if self.command in {"GET", "HEAD"}:
            return True
        self._send(Answer(HTTPStatus.METHOD_NOT_ALLOWED, JSON, b'{"status": "only GET and HEAD"}'), Allow="GET, HEAD")
        return False

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            self._send(Answer(HTTPStatus.NOT_FOUND, JSON, b'{"status": "no such page"}'))
            return
        try:
            answer = page()
        except Exception:
            log.exception("a page could not be made")
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, JSON, b'{"status": "failed"}')
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The library's answer to what is no HTTP; it would repeat what was sent."""
        del message, explain
        self._send(Answer(HTTPStatus(code), JSON, b'{"status": "not understood"}'))

    def version_string(self) -> str:
        return "agora"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        del format, args

    def _send(self, answer: Answer, **headers: str) -> None:
        self.close_connection = True
        self.send_response(answer.status)
        said = {"Content-Type": answer.media_type, "Content-Length": str(len(answer.body)), "Connection": "close"}
        for name, value in {**said, "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


def _show_out(visitor: socket.socket) -> None:
    try:
        visitor.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("a visitor had left")
