"""Ask a running process of Agora whether it is ready: what a container's health check runs.

``python -m agora.healthy [HOST:PORT]`` asks ``/readyz`` there, or where ``AGORA_WATCH`` says that this process shows
itself; it needs the standard library alone. Exit code 0 says that it is ready, 1 that it is not, and a line says why.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException
from typing import Final

VARIABLE: Final = "AGORA_WATCH"
SECONDS_MAX: Final = 3.0
ANSWER_BYTES_MAX: Final = 2_000
OK: Final = 200
EVERYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - nothing is bound to; it says where to ask instead


def main() -> int:
    """Ask, print the answer, and return the exit code."""
    address = sys.argv[1] if sys.argv[1:] else os.environ.get(VARIABLE, "")
    try:
        is_ready, words = ask(address)
    except (OSError, HTTPException, ValueError) as error:
        is_ready, words = False, f"no answer from '{address}': {error or type(error).__name__}"
    sys.stdout.write(f"{words}\n")
    return 0 if is_ready else 1


def ask(address: str) -> tuple[bool, str]:
    """Whether the process at ``host:port`` says it is ready, and its words. Raises ``ValueError`` at no address."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"say where as HOST:PORT, or in {VARIABLE}")
    host = host.strip("[]")
    connection = HTTPConnection("127.0.0.1" if host in EVERYWHERE else host, int(port), timeout=SECONDS_MAX)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        words = answer.read(ANSWER_BYTES_MAX).decode(errors="replace").strip()
    finally:
        connection.close()
    return answer.status == OK, f"{answer.status} {words}"


if __name__ == "__main__":
    sys.exit(main())
