"""Which services there are: every folder of the package ``services`` with an ``app.py``."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from agora.control import ERRORS
from agora.service import Service
from agora.settings import SettingsError

if TYPE_CHECKING:
    from agora.view import View

PACKAGE = "services"


def folders() -> dict[str, Path]:
    """The folder of each service, by name, in alphabetical order."""
    roots = [Path(root) for root in import_module(PACKAGE).__path__]
    found = {app.parent.name: app.parent for root in roots for app in root.glob("*/app.py")}
    return dict(sorted(found.items()))


def service(name: str) -> Service:
    """The service of this name. Raises ``LookupError`` that names those there are, and ``SettingsError``."""
    if name not in folders():
        raise LookupError(f"no service '{name}'; there are {', '.join(folders())}")
    try:
        return import_module(f"{PACKAGE}.{name}.app").service
    except ValueError as error:  # its house rules come from the environment
        raise SettingsError(f"the service '{name}' cannot be set up: {error}") from error


def services() -> list[Service]:
    """All services."""
    return [service(name) for name in folders()]


def streams() -> list[str]:
    """The name of every stream anything is said in, in alphabetical order."""
    return sorted({service.stream.name for service in services()} | {ERRORS.name})


def views(name: str) -> "tuple[View, ...]":
    """The views that a service shows; most show none."""
    if not (folders()[name] / "views" / "__init__.py").exists():
        return ()
    return import_module(f"{PACKAGE}.{name}.views").VIEWS
