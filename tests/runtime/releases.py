"""Three releases of two tiny services, as source trees: what a caller is asked it says, and a hearer adds it up.

They differ in one event: ``Said`` gets a field that old readers can do without, then another name for its amount.
"""

from pathlib import Path
from typing import Final

CALLERS: Final = "callers"
HEARERS: Final = "hearers"

_COMMON: Final = """
from dataclasses import dataclass, replace
from typing import Literal

from agora.decision import become, publish
from agora.event import Event, Stream
from agora.service import Service

CALLERS, HEARERS = Stream("callers"), Stream("hearers")


class Asked(Event):
    caller: str
    amount: int

    def concerns(self):
        return (CALLERS(self.caller),)


class AboutHearer(Event):
    hearer: str

    def concerns(self):
        return (HEARERS(self.hearer),)


class Said(AboutHearer):
    amount: int

    @classmethod
    def of(cls, asked):
        return cls(hearer=asked.caller, amount=asked.amount)

    def worth(self):
        return self.amount


First = Said
"""

_SECOND: Final = """
class Said(AboutHearer, version=2, replaces=First, readable_since=1):
    amount: int
    note: str = ""

    @classmethod
    def of(cls, asked):
        return cls(hearer=asked.caller, amount=asked.amount, note="dear hearer")

    @classmethod
    def upcast(cls, old):
        return cls(hearer=old.hearer, amount=old.amount)

    def worth(self):
        return self.amount


Second = Said
"""

_THIRD: Final = """
class Said(AboutHearer, version=3, replaces=Second):
    value: int

    @classmethod
    def of(cls, asked):
        return cls(hearer=asked.caller, value=asked.amount)

    @classmethod
    def upcast(cls, old):
        return cls(hearer=old.hearer, value=old.amount)

    def worth(self):
        return self.value
"""

_SERVICES: Final = """
@dataclass(frozen=True, slots=True)
class Sum:
    total: int = 0
    status: Literal["adding"] = "adding"


def call(state, event, now):
    return publish(Said.of(event))


def hear(state, event, now):
    return become(replace(state, total=state.total + event.worth()))


caller = Service("caller", CALLERS, Sum, Sum(), (Asked,), (Said,), call, (Asked, Said))
hearer = Service("hearer", HEARERS, Sum, Sum(), (Said,), (), hear, (Asked, Said))
"""

_MIGRATION: Final = """
from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None


def upgrade():
    create_runtime_tables(runtime_role())
"""

RELEASES: Final = (1, 2, 3)


def lay_out(root: Path) -> dict[int, Path]:
    """Write the source tree of each release; what Python is to look in for each."""
    trees: dict[int, Path] = {}
    for release in RELEASES:
        tree = trees[release] = root / f"release-{release}"
        words = "".join((_COMMON, *(_SECOND, _THIRD)[: release - 1], _SERVICES))
        for name in ("caller", "hearer"):
            folder = tree / "services" / name
            (folder / "migrations").mkdir(parents=True)
            (folder / "__init__.py").touch()
            (folder / "app.py").write_text(f"{words}\nservice = {name}\n")
            (folder / "migrations" / "0001_nothing_of_its_own.py").write_text(_MIGRATION)
        (tree / "services" / "__init__.py").touch()
    return trees
