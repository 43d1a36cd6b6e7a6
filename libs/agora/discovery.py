"""Which services there are: every folder of the package ``services`` with an ``app.py``."""

from importlib import import_module
from pathlib import Path

from agora.service import Service

PACKAGE = "services"


def folders() -> dict[str, Path]:
    """The folder of each service, by name, in alphabetical order."""
    roots = [Path(root) for root in import_module(PACKAGE).__path__]
    found = {app.parent.name: app.parent for root in roots for app in root.glob("*/app.py")}
    return dict(sorted(found.items()))


def service(name: str) -> Service:
    """The service of this name. Raises ``LookupError`` that names those there are."""
    if name not in folders():
        raise LookupError(f"no service '{name}'; there are {', '.join(folders())}")
    return import_module(f"{PACKAGE}.{name}.app").service


def services() -> list[Service]:
    """All services."""
    return [service(name) for name in folders()]
