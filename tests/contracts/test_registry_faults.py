"""What Agora says of a registry that is away, upset, closed to it, or none at all."""

import socket
from collections.abc import Callable

import pytest

from agora.contracts.registries import client
from agora.contracts.registries.client import (
    ANSWER_BYTES_MAX,
    MESSAGE_LENGTH_MAX,
    RETRIES_MAX,
    Registry,
    RegistryError,
    Status,
)
from agora.contracts.registries.subjects import Entry, Level, Side
from tests.contracts.fake_registry import FakeRegistry, Reply, fake_registry

ENTRY = Entry("OrderPlaced.v1-read", "OrderPlaced.v1", Side.READ, '{"type":"object"}')
REGISTER = "POST /subjects/OrderPlaced.v1-read/versions"


def opened(url: str, login: tuple[str, str] | None = None) -> Registry:
    return Registry(url, login, retry_factor_seconds=0)


def said_of(fake: FakeRegistry) -> str:
    with opened(fake.url) as registry:
        try:
            registry.check()
            registry.push(ENTRY, Level.FULL)
        except RegistryError as error:
            return str(error)
    raise AssertionError("nothing was wrong")


def times(count: int, reply: Reply, only: str = "") -> Callable[[str, str], Reply | None]:
    """Answer so many requests like this, and the others as usual."""
    left = [count]

    def upset(method: str, path: str) -> Reply | None:
        if only not in f"{method} {path}" or not left[0]:
            return None
        left[0] -= 1
        return reply

    return upset


def error(code: int, message: str) -> dict[str, object]:
    return {"error_code": code, "message": message}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_registry_that_is_busy_for_a_moment_is_asked_again(status: int) -> None:
    with fake_registry(upset=times(RETRIES_MAX, (status, b"busy"), REGISTER)) as fake, opened(fake.url) as registry:
        assert registry.push(ENTRY, Level.FULL).status is Status.REGISTERED
        assert fake.asked.count(REGISTER) == RETRIES_MAX + 1


def test_a_registry_that_stays_busy_is_given_up() -> None:
    with fake_registry(upset=times(1_000, (503, error(50001, "the store is away")))) as fake:
        said = said_of(fake)
        assert len(fake.asked) == RETRIES_MAX + 1
    assert "503" in said
    assert "the store is away" in said


def test_a_registry_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "READ_SECONDS_MAX", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        opened(f"http://127.0.0.1:{silent.getsockname()[1]}") as registry,
        pytest.raises(RegistryError, match=r"cannot be reached.*timed out"),
    ):
        registry.check()


def test_a_registry_that_nobody_runs_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with opened(f"http://127.0.0.1:{port}") as registry, pytest.raises(RegistryError) as caught:
        registry.check()
    assert f"http://127.0.0.1:{port} cannot be reached" in str(caught.value)
    assert "Connection refused" in str(caught.value)


def test_a_login_is_given_where_it_is_wanted() -> None:
    with fake_registry(login="shop:säkret") as fake:
        assert "AGORA_REGISTRY_USER and AGORA_REGISTRY_PASSWORD" in said_of(fake)
        with opened(fake.url, ("shop", "guess")) as wrong, pytest.raises(RegistryError, match="another one"):
            wrong.check()
        with opened(fake.url, ("shop", "säkret")) as right:
            assert right.push(ENTRY, Level.FULL).status is Status.REGISTERED


@pytest.mark.parametrize(
    ("status", "reply", "words"),
    [
        pytest.param(403, error(40301, "no"), ["does not allow", "403"], id="forbidden"),
        pytest.param(404, b"<html>nothing here</html>", ["no schema registry", "404", "/apis/ccompat/v7"], id="a-page"),
        pytest.param(404, {"detail": "nothing here"}, ["no schema registry", "nothing here"], id="another-api"),
        pytest.param(200, b"<html>welcome</html>", ["no schema registry"], id="a-welcome-page"),
        pytest.param(200, {"id": "none"}, ["no schema registry"], id="another-answer"),
        pytest.param(302, b"", ["no schema registry", "302"], id="moved"),
        pytest.param(500, error(50001, "the store is full"), ["failed", "the store is full"], id="its-own-failure"),
        pytest.param(200, b"[" * 1_000_000, ["no schema registry"], id="nested-without-end"),
        pytest.param(200, b" " * (ANSWER_BYTES_MAX + 1), ["no schema registry", "bytes"], id="without-end"),
    ],
)
@pytest.mark.parametrize("where", ["/schemas/types", "/config/", "/subjects/", "/versions"])
def test_an_answer_that_helps_nobody_is_one_clear_error(
    status: int, reply: object, words: list[str], where: str
) -> None:
    with fake_registry(upset=times(1_000, (status, reply), where)) as fake:
        said = said_of(fake)
    assert all(word in said for word in words), said


@pytest.mark.parametrize("where", ["/schemas/types", "/config/"])
def test_a_refusal_of_anything_but_a_schema_is_an_error(where: str) -> None:
    with fake_registry(upset=times(1, (422, error(42205, "this registry is read-only")), where)) as fake:
        assert "this registry is read-only" in said_of(fake)


def test_a_registry_without_json_schemas_says_what_it_takes() -> None:
    with fake_registry(upset=times(1, (200, ["AVRO", "PROTOBUF"]))) as fake:
        assert "only AVRO, PROTOBUF" in said_of(fake)


def test_what_a_registry_says_is_told_on_one_bounded_line() -> None:
    wordy = error(409, "wrong\n\x1b[31mred " + "x" * 5 * MESSAGE_LENGTH_MAX)
    with fake_registry(upset=times(1, (409, wordy), "/versions")) as fake, opened(fake.url) as registry:
        reason = registry.push(ENTRY, Level.FULL).reason
    assert reason.startswith("wrong [31mred xxx")
    assert len(reason) < MESSAGE_LENGTH_MAX + 10


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8081",
        "ftp://host",
        "http://",
        "http://[::1",
        "http://host:99999",
        "http://host/?q=1",
        "http://h:0",
    ],
)
def test_what_is_no_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(RegistryError, match="http://localhost:8081"):
        Registry(url)


def test_a_login_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(RegistryError, match="AGORA_REGISTRY_USER") as caught:
        Registry("http://shop:secret@host:8081")
    assert "secret" not in str(caught.value)


def test_only_what_is_new_is_written() -> None:
    with fake_registry() as fake, opened(f"{fake.url}/") as registry:
        registry.push(ENTRY, Level.FULL)
        fake.asked.clear()
        registry.push(ENTRY, Level.FULL)
        assert fake.asked == ["GET /config/OrderPlaced.v1-read", "POST /subjects/OrderPlaced.v1-read"]
