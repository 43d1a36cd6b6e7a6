"""``agora contracts push``: what people and programs see of it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from agora.contracts import frozen
from agora.contracts.schema import contract_of
from console.push_command import PASSWORD, USER, push
from market.buyers import CheckOut
from market.transactions import OrderPlaced
from tests.contracts.fake_registry import FakeRegistry, Reply, fake_registry

SECONDS_MAX = 20
CHECK_OUT, ORDER_PLACED = CheckOut.wire_name, OrderPlaced.wire_name
SUBJECTS = [f"{event}-{side}" for event in (CHECK_OUT, ORDER_PLACED) for side in ("written", "read")]


@pytest.fixture(autouse=True)
def contracts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two frozen events."""
    for name in (USER, PASSWORD, "AGORA_KAFKA", "AGORA_POSTGRES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(frozen.VARIABLE, str(tmp_path / "contracts"))
    for event in (CheckOut, OrderPlaced):
        schemas = {frozen.WRITTEN: contract_of(event).written, frozen.READ: contract_of(event).read}
        frozen.write_missing(tmp_path / "contracts", event.wire_name, schemas)
    return tmp_path / "contracts"


@pytest.fixture
def fake() -> Generator[FakeRegistry]:
    with fake_registry() as opened:
        yield opened


def pushed(*arguments: str) -> tuple[int, str, str]:
    """Run the command; return its exit code, standard output and standard error."""
    app = typer.Typer()
    app.command()(push)
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def result(*arguments: str) -> dict[str, Any]:
    return json.loads(pushed(*arguments, "--json")[1])


def change(contracts: Path, event: str) -> None:
    """Spoil a frozen schema, as nobody should."""
    path = contracts / event / frozen.READ
    schema = json.loads(path.read_text())
    path.write_text(json.dumps({**schema, "required": [], "properties": {"order": {"type": "integer"}}}))


def test_every_frozen_schema_is_registered_and_told_line_by_line(fake: FakeRegistry) -> None:
    code, output, error = pushed("--url", fake.url)
    assert code == 0
    assert sorted(fake.subjects) == sorted(SUBJECTS)
    assert set(fake.levels.values()) == {"FULL"}
    lines = [line.split() for line in output.splitlines()]
    assert [(line[0], line[1]) for line in lines[:-1]] == [("registered", subject) for subject in SUBJECTS]
    assert output.splitlines()[-1] == "4 registered, 0 already there, 0 refused under FULL."
    assert "Traceback" not in error


def test_a_second_push_finds_everything_there(fake: FakeRegistry) -> None:
    first, second = (result("--url", fake.url) for _ in range(2))
    assert (first["registered"], second["registered"], second["present"]) == (4, 0, 4)
    assert [one["id"] for one in first["subjects"]] == [one["id"] for one in second["subjects"]]


def test_json_has_stable_names(fake: FakeRegistry) -> None:
    said = result("--url", fake.url, "--compatibility", "backward")
    assert list(said) == ["url", "compatibility", "subject_strategy", "registered", "present", "refused", "subjects"]
    assert (said["url"], said["compatibility"], said["subject_strategy"]) == (fake.url, "BACKWARD", "version")
    assert said["subjects"][0] == {
        "subject": f"{CHECK_OUT}-written",
        "event": CHECK_OUT,
        "schema": "written",
        "status": "registered",
        "id": 1,
        "reason": None,
    }


def test_what_the_registry_refuses_is_told_in_its_words_and_the_rest_goes_on(
    fake: FakeRegistry, contracts: Path
) -> None:
    pushed("--url", fake.url)
    change(contracts, CHECK_OUT)
    code, output, _ = pushed("--url", fake.url)
    assert code == 1
    assert f"REFUSED        {CHECK_OUT}-read  Schema is incompatible with an earlier one" in output
    assert "0 registered, 3 already there, 1 refused under FULL." in output
    said = result("--url", fake.url)
    assert [one["status"] for one in said["subjects"]] == ["present", "refused", "present", "present"]
    assert "incompatible" in said["subjects"][1]["reason"]


def test_a_subject_may_hold_every_version_of_an_event(fake: FakeRegistry) -> None:
    said = result("--url", fake.url, "--subject-strategy", "event", "--schemas", "read", "--compatibility", "NONE")
    assert [one["subject"] for one in said["subjects"]] == ["CheckOut-read", "OrderPlaced-read"]
    assert said["subject_strategy"] == "event"
    assert fake.levels == {"CheckOut-read": "NONE", "OrderPlaced-read": "NONE"}


def test_the_login_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_registry(login="shop:secret") as fake:
        assert USER in result("--url", fake.url)["error"]
        monkeypatch.setenv(USER, "shop")
        assert f"set {PASSWORD} as well" in result("--url", fake.url)["error"]
        monkeypatch.setenv(PASSWORD, "secret")
        code, output, error = pushed("--url", fake.url)
        assert (code, len(fake.subjects)) == (0, len(SUBJECTS))
        assert "secret" not in output + error


def test_a_failure_on_the_way_says_how_far_it_came() -> None:
    def upset(_method: str, path: str) -> Reply | None:
        full = (500, {"error_code": 50001, "message": "the store is full"})
        return full if path == f"/subjects/{ORDER_PLACED}-read/versions" else None

    with fake_registry(upset=upset) as fake:
        code, output, error = pushed("--url", fake.url)
    assert (code, output) == (1, "")
    assert "the store is full" in error
    assert "3 of 4 schemas were done; push again for the others." in error


def test_a_registry_that_nobody_runs_is_one_clear_line(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    code, output, error = pushed("--url", f"http://127.0.0.1:{port}")
    assert (code, output) == (1, "")
    assert [line[:7] for line in error.splitlines()] == ["agora: "]
    assert "cannot be reached" in error
    assert caplog.records == []


def test_without_frozen_contracts_it_says_how_to_freeze_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fake: FakeRegistry
) -> None:
    monkeypatch.setenv(frozen.VARIABLE, str(tmp_path / "nowhere"))
    assert "agora contracts freeze" in result("--url", fake.url)["error"]
    (tmp_path / "nowhere").mkdir()
    assert "agora contracts freeze" in result("--url", fake.url)["error"]
    assert fake.asked == []


@pytest.mark.parametrize(
    "arguments", [(), ("--url", "http://host", "--compatibility", "SIDEWARD"), ("--url", "http://host", "more")]
)
def test_a_usage_error_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert pushed(*arguments)[0] == 2


def test_ctrl_c_ends_it_at_once_though_the_registry_does_not_answer() -> None:
    reached, released = Event(), Event()

    def upset(_method: str, _path: str) -> Reply | None:
        reached.set()
        released.wait(SECONDS_MAX)
        return None

    listens = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # whoever runs us may not
    program = f"{listens}; import typer; from console.push_command import push; typer.run(push)"
    with fake_registry(upset=upset) as fake:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "--url", fake.url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert reached.wait(SECONDS_MAX)
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=SECONDS_MAX)
        finally:
            released.set()
            process.kill()
            process.wait()
    assert process.returncode == 130
    assert error.splitlines()[-1] == "Interrupted."
