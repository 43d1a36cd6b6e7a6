"""Makes the secrets of a marketplace in containers, once and at random, each in the folder of those who may read it.

``postgres/password``            the administrator's password, for the server
``migrate/agora_postgres``       the administrator's URL, and beside it every role's password
``operator/agora_postgres``      the same URL for the command line, and ``agora_operator_key`` for people
``trader/agora_key``              the same key, for whoever trades over HTTP
``services/NAME/agora_database`` the URL of a service's own database; the gateway's has ``agora_operator_key`` as well
"""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from agora.provision import SECRETS, Passwords, names_of
from console.operate import door
from console.provide import EXTERNAL

ADMINISTRATOR: Final = "postgres"
KEY: Final = "agora_operator_key"
KEY_PREFIX: Final = "agora_"
RANDOM_BYTES: Final = 32
OWNER_ONLY: Final = 0o400
EVERYONE: Final = 0o444
"""For the server's own file: another user reads it, and its folder is mounted nowhere else."""


def make_secrets(root: Path, services: Iterable[str], server: str) -> list[str]:
    """Make what is missing below ``root`` and return its names. ``server`` is PostgreSQL's host:port."""
    made: list[str] = []

    def keep(name: str, text: str, mode: int = OWNER_ONLY) -> str:
        path = root / name
        if path.exists():
            return path.read_text()
        _write(path, text, mode)
        made.append(name)
        return text

    password = keep(f"{ADMINISTRATOR}/password", secrets.token_urlsafe(RANDOM_BYTES), EVERYONE)
    administrator = _url(ADMINISTRATOR, password, server, "postgres")
    keep("migrate/agora_postgres", administrator)
    keep("operator/agora_postgres", administrator)
    key = keep(f"operator/{KEY}", KEY_PREFIX + secrets.token_urlsafe(RANDOM_BYTES))
    keep(f"services/{door().name}/{KEY}", key)
    keep("trader/agora_key", key)
    passwords = Passwords(root / "migrate" / EXTERNAL / SECRETS)
    for service in services:
        names = names_of(service)
        passwords.of(names.owner)
        own, _ = passwords.of(names.role)
        keep(f"services/{service}/agora_database", _url(names.role, own, server, names.database))
    return made


def _url(role: str, password: str, server: str, database: str) -> str:
    return f"postgresql://{role}:{quote(password)}@{server}/{database}"


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.chmod(mode)
    fresh.replace(path)


def read_key(folder: Path) -> str | None:
    """The operator's key, where this process was given it."""
    path = folder / KEY
    return path.read_text().strip() if path.is_file() else None
