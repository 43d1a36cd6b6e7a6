"""A client of a schema registry that speaks Confluent's API: Confluent's own, Apicurio, Karapace, Redpanda.

Every request may be made twice without harm, so each is tried again a few times when the registry is away or busy.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3 import Retry
from urllib3.exceptions import MaxRetryError

from agora.contracts.registries.subjects import Entry, Level

CONNECT_SECONDS_MAX: Final = 5.0
READ_SECONDS_MAX: Final = 20.0
RETRIES_MAX: Final = 3
RETRY_FACTOR_SECONDS: Final = 0.2
RETRY_AFTER_SECONDS_MAX: Final = 10
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
MESSAGE_LENGTH_MAX: Final = 1_000

_AWAY: Final = (429, 502, 503, 504)
_OK: Final = 200
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_UNPROCESSABLE: Final = 422
_MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"


class RegistryError(RuntimeError):
    """The registry cannot be worked with; the message says where, why, and what to check."""


class Status(StrEnum):
    """What became of a schema."""

    REGISTERED = "registered"
    PRESENT = "present"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the registry said to a schema: its id, or the reason in the registry's own words."""

    status: Status
    id: int | None = None
    reason: str = ""


class Registry:
    """One registry, by the URL below which ``/subjects`` is; to be closed after use."""

    def __init__(
        self, url: str, login: tuple[str, str] | None = None, *, retry_factor_seconds: float = RETRY_FACTOR_SECONDS
    ) -> None:
        """``login`` is a user and a password. Raises ``RegistryError`` if the URL is none."""
        self.url = _checked(url)
        self._session = requests.Session()
        if login is not None:
            self._session.auth = HTTPBasicAuth(*(word.encode() for word in login))
        self._session.headers.update({"Accept": f"{_MEDIA_TYPE}, application/json", "Content-Type": _MEDIA_TYPE})
        retry = Retry(
            RETRIES_MAX,
            backoff_factor=retry_factor_seconds,
            status_forcelist=_AWAY,
            allowed_methods=None,
            raise_on_status=False,
            retry_after_max=RETRY_AFTER_SECONDS_MAX,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def check(self) -> None:
        """Raise ``RegistryError`` unless a registry that takes JSON schemas answers."""
        _, types = self._ask("GET", "/schemas/types")
        if not isinstance(types, list):
            raise self._stranger("its list of schema types is none")
        if "JSON" not in types:
            raise RegistryError(f"The registry at {self.url} takes no JSON schemas, only {', '.join(map(str, types))}.")

    def push(self, entry: Entry, level: Level) -> Answer:
        """Keep a subject under a level and register its schema, unless it is there. Raises ``RegistryError``."""
        self._keep(entry.subject, level)
        known = self._find(entry)
        if known is not None:
            return Answer(Status.PRESENT, known)
        path, body = f"/subjects/{_quoted(entry.subject)}/versions", _body(entry)
        status, said = self._ask("POST", path, body, expected=(_CONFLICT, _UNPROCESSABLE))
        if status != _OK:
            return Answer(Status.REFUSED, reason=_message(said))
        return Answer(Status.REGISTERED, self._id(said))

    def _keep(self, subject: str, level: Level) -> None:
        path = f"/config/{_quoted(subject)}"
        status, said = self._ask("GET", path, expected=(_NOT_FOUND,))
        found = _value(said, "compatibilityLevel")
        if status == _OK and not isinstance(found, str):
            raise self._stranger(f"it gave {subject} no level")
        if found != level:
            self._ask("PUT", path, {"compatibility": level})

    def _find(self, entry: Entry) -> int | None:
        """The id of this very schema under its subject. What is no schema to the registry is refused later."""
        path = f"/subjects/{_quoted(entry.subject)}"
        status, said = self._ask("POST", path, _body(entry), expected=(_NOT_FOUND, _UNPROCESSABLE))
        return self._id(said) if status == _OK else None

    def _id(self, said: Any) -> int:
        found = _value(said, "id")
        if isinstance(found, int):
            return found
        raise self._stranger("it gave a schema no id")

    def _ask(
        self, method: str, path: str, body: dict[str, str] | None = None, *, expected: tuple[int, ...] = ()
    ) -> tuple[int, Any]:
        """Return the status and the JSON of an answer that is 200 or expected and the registry's own."""
        status, content = self._send(method, path, body)
        if status == _UNAUTHORISED:
            raise RegistryError(
                f"The registry at {self.url} wants a login, or another one (HTTP 401). "
                "Set AGORA_REGISTRY_USER and AGORA_REGISTRY_PASSWORD."
            )
        if status == _FORBIDDEN:
            raise RegistryError(f"The registry at {self.url} does not allow this user to {method} {path} (HTTP 403).")
        try:
            said: Any = json.loads(content)
        except (ValueError, RecursionError):
            raise self._stranger(f"{method} {path} was answered with HTTP {status} and no JSON") from None
        if status == _OK:
            return status, said
        if not isinstance(_value(said, "error_code"), int):
            raise self._stranger(f"{method} {path} was answered with HTTP {status}: {_message(said)}")
        if status not in expected:
            raise RegistryError(
                f"The registry at {self.url} failed at {method} {path} (HTTP {status}): {_message(said)}"
            )
        return status, said

    def _send(self, method: str, path: str, body: dict[str, str] | None) -> tuple[int, bytes]:
        try:
            with self._session.request(
                method,
                self.url + path,
                data=None if body is None else json.dumps(body),
                timeout=(CONNECT_SECONDS_MAX, READ_SECONDS_MAX),
                allow_redirects=False,
                stream=True,
            ) as response:
                return response.status_code, self._content(response)
        except requests.RequestException as error:
            raise RegistryError(
                f"The registry at {self.url} cannot be reached: {_cause(error)}. Check the URL and the network."
            ) from None

    def _content(self, response: requests.Response) -> bytes:
        content = bytearray()
        for chunk in response.iter_content(64 * 1024):
            content += chunk
            if len(content) > ANSWER_BYTES_MAX:
                raise self._stranger(f"its answer is over {ANSWER_BYTES_MAX:,} bytes")
        return bytes(content)

    def _stranger(self, why: str) -> RegistryError:
        return RegistryError(
            f"{self.url} is no schema registry with Confluent's API: {why}. The URL is the one below which /subjects "
            "is; Apicurio's ends with /apis/ccompat/v7."
        )


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        port = parts.port  # raises where it is no number
    except ValueError as error:
        raise RegistryError(f"'{url}' is no URL: {error}. It should be such as http://localhost:8081.") from None
    if parts.username is not None or parts.password is not None:
        raise RegistryError(
            "The URL of a registry holds no login. Set AGORA_REGISTRY_USER and AGORA_REGISTRY_PASSWORD instead."
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or parts.query or parts.fragment:
        raise RegistryError(f"'{url}' is no URL of a registry. It should be such as http://localhost:8081.")
    return url.strip().rstrip("/")


def _quoted(subject: str) -> str:
    return quote(subject, safe="")


def _body(entry: Entry) -> dict[str, str]:
    return {"schema": entry.schema, "schemaType": "JSON"}


def _value(said: Any, key: str) -> Any:
    return said.get(key) if isinstance(said, dict) else None


def _message(said: Any) -> str:
    """The registry's own words, on one line and of bounded length."""
    words = _value(said, "message")
    line = " ".join((words if isinstance(words, str) else json.dumps(said, ensure_ascii=False)).split())
    plain = "".join(letter for letter in line if letter.isprintable())
    return plain if len(plain) <= MESSAGE_LENGTH_MAX else plain[:MESSAGE_LENGTH_MAX] + " …"


def _cause(error: requests.RequestException) -> str:
    """What went wrong underneath the layers of the libraries."""
    inner = error.args[0] if error.args else error
    reason = inner.reason if isinstance(inner, MaxRetryError) and inner.reason else inner
    return str(reason).rpartition("): ")[2] or type(error).__name__
