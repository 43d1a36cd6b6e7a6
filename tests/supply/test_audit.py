"""The audit of packages: with pip-audit itself, and a service on this machine that knows what we tell it."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from deploy.supply import ROOT
from deploy.supply.audit import Known, Report, Verdict
from tests.supply.registry_here import Registry, running

HASH = "0" * 64


class Service(ThreadingHTTPServer):
    """What OSV answers to a query, by name and version of a package."""

    known: dict[tuple[str, str], str]
    asked: list[tuple[str, str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/query"


class Handler(BaseHTTPRequestHandler):
    server: Service  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = (query["package"]["name"], query["version"])
        self.server.asked.append(key)
        found = self.server.known.get(key)
        body = json.dumps({"vulns": [vulnerability(key[0], found)]} if found else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that it has
        pass


def vulnerability(package: str, mended_in: str) -> dict[str, Any]:
    span = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": mended_in}]}
    affected = [{"package": {"name": package, "ecosystem": "PyPI"}, "ranges": [span]}]
    return {"id": "PYSEC-0000-1", "summary": "It can be tricked.", "affected": affected}


@contextmanager
def serving() -> Generator[Service]:
    server = Service(("127.0.0.1", 0), Handler)
    server.known, server.asked = {}, []
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as found:
        yield found


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    place = tmp_path / "lock.txt"
    place.write_text(
        f"deprecated==1.3.1 ; python_full_version < '3.12' \\\n    --hash=sha256:{HASH}\n"
        f"deprecated==3.0.1 ; python_full_version >= '3.12' \\\n    --hash=sha256:{HASH}\n"
        f"idna==3.20 \\\n    --hash=sha256:{HASH}\n"
    )
    return place


def audited(url: str, *locks: Path, home: Path) -> "subprocess.CompletedProcess[str]":
    named = [word for lock in locks for word in ("--lock", str(lock))]
    options = ["--vulnerability-service", "osv", "--osv-url", url, "--cache-dir", str(home / "cache")]
    command = [sys.executable, "-m", "deploy.supply", "audit", *named, *options]
    environment = {**os.environ, "PYTHONPATH": str(home)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_packages_of_which_nothing_is_known_pass_and_each_version_is_asked_for(
    service: Service, lock: Path, tmp_path: Path
) -> None:
    done = audited(service.url, lock, lock, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "Nothing is known against 3 packages.\n")
    assert sorted(service.asked) == [("deprecated", "1.3.1"), ("deprecated", "3.0.1"), ("idna", "3.20")]


def test_what_is_known_of_a_version_for_another_python_is_told_as_well(
    service: Service, lock: Path, tmp_path: Path
) -> None:
    service.known |= {("deprecated", "1.3.1"): "1.3.2", ("deprecated", "3.0.1"): "3.0.2"}
    done = audited(service.url, lock, home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == [
        "deprecated 1.3.1: PYSEC-0000-1, mended in 1.3.2",
        "deprecated 3.0.1: PYSEC-0000-1, mended in 3.0.2",
    ]


def test_a_service_that_does_not_answer_is_no_clean_bill(lock: Path, tmp_path: Path) -> None:
    with running(Registry()) as gone:
        pass
    done = audited(f"http://{gone.address}/v1/query", lock, home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("NOT AUDITED: ")
    assert "Traceback" not in done.stderr
    assert "Nothing is known of the packages, good or bad." in done.stderr


def test_a_service_that_answers_something_else_is_no_clean_bill(lock: Path, tmp_path: Path) -> None:
    with running(Registry()) as registry:
        done = audited(f"http://{registry.address}/v1/query", lock, home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("NOT AUDITED: ")


WITHOUT_DATA = """
import json, pathlib, sys
place = sys.argv[sys.argv.index("--output") + 1]
reason = "Dependency not found on PyPI and could not be audited: idna (3.20)"
pathlib.Path(place).write_text(json.dumps({"dependencies": [{"name": "idna", "skip_reason": reason}], "fixes": []}))
print("No known vulnerabilities found", file=sys.stderr)
"""
"""What pip-audit does, and ends with 0, when its index is a mirror that has packages and no vulnerability data."""


def test_an_index_without_vulnerability_data_is_no_clean_bill(lock: Path, tmp_path: Path) -> None:
    (tmp_path / "pip_audit").mkdir()
    (tmp_path / "pip_audit" / "__init__.py").touch()
    (tmp_path / "pip_audit" / "__main__.py").write_text(WITHOUT_DATA)
    done = audited("http://127.0.0.1:1/", lock, home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("NOT AUDITED: the service knows nothing of 2 of 2 packages (idna, idna)")


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (Report(3, (), ()), Verdict.NOTHING_KNOWN),
        (Report(0, (), ()), Verdict.NOT_AUDITED),
        (Report(2, (), ("idna",)), Verdict.NOT_AUDITED),
        (Report(0, (), ("idna",)), Verdict.NOT_AUDITED),
        (Report(2, (Known("idna", "3.0", "PYSEC-1", ()),), ("yarl",)), Verdict.SOMETHING_KNOWN),
    ],
)
def test_a_package_that_the_service_has_never_heard_of_is_not_audited(report: Report, verdict: Verdict) -> None:
    assert report.verdict is verdict
    assert any("NOT AUDITED" in line for line in report.lines()) is bool(report.skipped)


def test_a_lock_that_is_none_is_not_audited(tmp_path: Path) -> None:
    place = tmp_path / "lock.txt"
    place.write_text("idna\n")
    done = audited("http://127.0.0.1:1/", place, home=tmp_path)
    assert done.returncode == 2
    assert "make lock" in done.stderr
