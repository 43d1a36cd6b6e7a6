"""What a process says in its log, and what it carries to be watched."""

import json
import os
import subprocess
import sys


def test_a_log_shows_nobodys_password_and_only_the_fields_it_should() -> None:
    script = (
        "import logging; from agora.logs import log_as_json; log_as_json('shop'); "
        "logging.getLogger('x').warning('no %s', 'postgresql://me:hush@db/x', extra={'agent': 'a', 'body': 'b'})"
    )
    line = json.loads(run(script).stderr)
    assert line.pop("time")
    assert line == {
        "event": "no postgresql://***@db/x",
        "level": "warning",
        "logger": "x",
        "service": "shop",
        "agent": "a",
    }


def test_a_process_that_is_not_watched_carries_nothing_for_it() -> None:
    script = "import sys, agora.serve; print([name for name in sys.modules if 'prometheus' in name or 'watch' in name])"
    assert run(script).stdout.strip() == "[]"


def run(script: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
