"""A real browser that looks at one page and tells what it made of it and what the page asked for."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
GET_IT: Final = "apt-get install -y --no-install-recommends chromium"
SECONDS_MAX: Final = 120
FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # it looks at our own page alone, and a container's root has no sandbox
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--virtual-time-budget=30000",
    "--enable-logging=stderr",
    "--dump-dom",
)


class Seen(NamedTuple):
    """The page as it stood in the end, every address it asked for, and what it said on its console."""

    dom: str
    asked: list[str]
    console: list[str]


def browser() -> str:
    """The browser's program. Without one the test is skipped, unless ``CI=true``, where there must be one."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no chromium to look at the page with; get it with: {GET_IT}")
        pytest.skip(f"no chromium to look at the page with; on Debian, get it with: {GET_IT}")
    return found


def look(url: str, home: Path) -> Seen:
    """Open a page in a browser that has seen nothing before and can reach this machine alone."""
    log = home / "net.json"
    flags = (*FLAGS, f"--user-data-dir={home / 'profile'}", f"--log-net-log={log}")
    ran = subprocess.run(
        [browser(), *flags, url],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS_MAX,
        check=True,
        env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home)},
    )
    said = [line.partition("CONSOLE")[2] for line in ran.stderr.splitlines() if "CONSOLE" in line]
    return Seen(ran.stdout, _asked(json.loads(log.read_text(encoding="utf-8")), url), said)


def _asked(log: dict[str, Any], url: str) -> list[str]:
    """The page and what it asked for. What the browser asks of its maker for itself has no page as its origin."""
    start = log["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    started = (event.get("params", {}) for event in log["events"] if event["type"] == start)
    origin = "/".join(url.split("/")[:3])
    return [found["url"] for found in started if found.get("url") == url or found.get("initiator") == origin]
