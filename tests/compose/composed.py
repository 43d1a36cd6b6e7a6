"""The compose file as tests read it, with its anchors and merges resolved."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


def composed() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text())


def containers() -> dict[str, dict[str, Any]]:
    return composed()["services"]


def default(text: str) -> str:
    """What compose makes of a text when no variable is set."""
    return VARIABLE.sub(r"\2", text)


def is_ours(container: dict[str, Any]) -> bool:
    return default(container["image"]).startswith("agora:")


def runs(container: dict[str, Any]) -> str | None:
    """The service that a container runs, if it runs one."""
    match container.get("command"):
        case ["run", str(name)]:
            return name
        case _:
            return None


def secret_parts(container: dict[str, Any]) -> list[str]:
    """Which parts of the volume of secrets a container sees; an empty text is all of it."""
    parts: list[str] = []
    for mount in container.get("volumes", []):
        if isinstance(mount, str):
            parts += [""] if mount.split(":")[0] == "secrets" else []
        elif mount["source"] == "secrets":
            assert mount["read_only"] is True, "a secret is there to be read"
            parts.append(mount["volume"]["subpath"])
    return parts
