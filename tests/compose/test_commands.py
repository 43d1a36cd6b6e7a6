"""What containers are given to run beside the services: secrets, the ways in, and the probe of health."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agora.settings import Settings, SettingsError
from console.container_secrets import make_secrets
from tests.compose.composed import ROOT

SERVER = "postgres:5432"


def agora(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line as a container does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AGORA_")}
    return subprocess.run(
        [sys.executable, "-m", "console", *arguments],
        env={**kept, "PYTHONPATH": f"{ROOT / 'libs'}{os.pathsep}{ROOT}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_secrets_are_made_once_for_each_reader_and_then_kept(tmp_path: Path) -> None:
    made = make_secrets(tmp_path, ["buyer", "gateway"], SERVER)
    before = contents(tmp_path)
    assert set(before) == {*made, "migrate/external/secrets.json"}
    assert set(made) == {
        "postgres/password",
        "migrate/agora_postgres",
        "operator/agora_postgres",
        "operator/agora_operator_key",
        "services/buyer/agora_database",
        "services/gateway/agora_database",
        "services/gateway/agora_operator_key",
        "trader/agora_key",
    }
    assert make_secrets(tmp_path, ["buyer", "gateway"], SERVER) == []
    assert contents(tmp_path) == before


def test_a_service_that_is_new_gets_its_secret_and_the_others_keep_theirs(tmp_path: Path) -> None:
    make_secrets(tmp_path, ["buyer"], SERVER)
    before = contents(tmp_path)
    assert make_secrets(tmp_path, ["buyer", "baker"], SERVER) == ["services/baker/agora_database"]
    assert contents(tmp_path).items() >= {n: text for n, text in before.items() if not n.endswith(".json")}.items()
    passwords = json.loads(contents(tmp_path)["migrate/external/secrets.json"])
    assert passwords.items() >= json.loads(before["migrate/external/secrets.json"]).items()


def test_a_services_secret_opens_its_own_database_with_the_password_that_its_role_is_given(tmp_path: Path) -> None:
    make_secrets(tmp_path, ["buyer"], SERVER)
    password = json.loads((tmp_path / "migrate/external/secrets.json").read_text())["buyer"]
    url = (tmp_path / "services/buyer/agora_database").read_text()
    assert url == f"postgresql://buyer:{password}@{SERVER}/agora_buyer"


def test_no_two_secrets_are_alike_and_none_is_ever_made_again(tmp_path: Path) -> None:
    seen: list[str] = []
    for root in (tmp_path / "one", tmp_path / "two"):
        make_secrets(root, ["buyer"], SERVER)
        found = contents(root)
        passwords = json.loads(found["migrate/external/secrets.json"])
        seen += [found["postgres/password"], found["operator/agora_operator_key"], *passwords.values()]
    assert len(set(seen)) == len(seen) == 8
    assert all(len(secret) >= 32 for secret in seen)
    assert re.fullmatch(r"agora_[A-Za-z0-9_-]{43}", found["operator/agora_operator_key"])


def test_only_the_database_servers_own_file_is_read_by_another_user(tmp_path: Path) -> None:
    make_secrets(tmp_path, ["buyer", "gateway"], SERVER)
    open_ones = [name for name in contents(tmp_path) if (tmp_path / name).stat().st_mode & 0o077]
    assert open_ones == ["postgres/password"]


def test_a_setting_may_lie_in_the_folder_of_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agora_database").write_text("postgresql://buyer:from-a-file@postgres/agora_buyer\n")
    monkeypatch.setenv("AGORA_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("AGORA_DATABASE", raising=False)
    assert Settings.read().database == "postgresql://buyer:from-a-file@postgres/agora_buyer"
    monkeypatch.setenv("AGORA_DATABASE", "postgresql://buyer:from-outside@postgres/agora_buyer")
    assert Settings.read().database == "postgresql://buyer:from-outside@postgres/agora_buyer"


def test_a_wrong_secret_is_named_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agora_database").write_text("hunter2")
    monkeypatch.setenv("AGORA_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("AGORA_DATABASE", raising=False)
    with pytest.raises(SettingsError, match="AGORA_DATABASE: should be a URL") as caught:
        Settings.read()
    assert "hunter2" not in str(caught.value)


def test_a_folder_of_secrets_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_SECRETS_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="AGORA_SECRETS_DIR"):
        Settings.read()


def test_the_way_in_from_outside_is_said_as_lines_for_a_shell() -> None:
    done = agora(
        "access",
        AGORA_POSTGRES="postgresql://postgres:p%40ss@postgres:5432/postgres",
        AGORA_OUTSIDE_KAFKA="localhost:19092",
        AGORA_OUTSIDE_POSTGRES="localhost:15432",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "export AGORA_KAFKA='localhost:19092'",
        "export AGORA_POSTGRES='postgresql://postgres:p%40ss@localhost:15432/postgres'",
    ]


def test_the_welcome_shows_where_to_go_and_no_key(tmp_path: Path) -> None:
    make_secrets(tmp_path, ["gateway"], SERVER)
    folder = str(tmp_path / "operator")
    key = agora("key", AGORA_SECRETS_DIR=folder).stdout.strip()
    assert key == (tmp_path / "operator/agora_operator_key").read_text()
    said = agora("welcome", AGORA_OUTSIDE_HTTP="localhost:8080", AGORA_SECRETS_DIR=folder).stdout
    assert "http://localhost:8080" in said
    assert "cli key" in said
    assert key not in said


@pytest.mark.parametrize(
    ("command", "words"),
    [("key", "docker compose run"), ("access", "docker compose run"), ("topics", "AGORA_KAFKA"), ("welcome", "set AG")],
)
def test_outside_the_containers_a_command_says_what_it_lacks(command: str, words: str, tmp_path: Path) -> None:
    done = agora(command, AGORA_SECRETS_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("agora: ")
    assert words in done.stderr


@contextmanager
def answering(status: int, words: bytes) -> Generator[str]:
    """A process that answers for its readiness; yields its host:port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def healthy(*arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "agora.healthy", *arguments],
        env={"PYTHONPATH": str(ROOT / "libs"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_a_container_is_as_healthy_as_its_process_is_ready(status: int, code: int) -> None:
    with answering(status, b'{"status": "as it is"}') as address:
        assert healthy(address) == (code, f'{status} {{"status": "as it is"}}')


def test_the_probe_asks_where_the_process_shows_itself() -> None:
    with answering(200, b"ready") as address:
        port = address.partition(":")[2]
        assert healthy(AGORA_WATCH=f"0.0.0.0:{port}") == (0, "200 ready")


def test_a_process_that_does_not_answer_is_not_healthy() -> None:
    with answering(200, b"ready") as address:
        pass
    code, words = healthy(address)
    assert code == 1
    assert words.startswith(f"no answer from '{address}'")


@pytest.mark.parametrize("address", ["", "nowhere", "host:", "host:port", ":99999999"])
def test_a_wrong_address_is_said_and_no_traceback(address: str) -> None:
    code, words = healthy(address)
    assert code == 1
    assert words.startswith("no answer from")


def test_without_an_engine_the_test_of_containers_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "--old-file=.venv/.ready", "compose-test"],  # noqa: S607 - whichever make is meant
        cwd=ROOT,
        env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("No Docker engine answers here")
    assert "Traceback" not in done.stderr + done.stdout
