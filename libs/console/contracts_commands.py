"""The commands ``agora contracts freeze``, ``check``, ``diff`` and ``list``. They need no Kafka and no PostgreSQL."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import typer

from agora.contracts import frozen, known
from agora.contracts.extremes import NothingSound
from agora.contracts.frozen import ContractError
from agora.settings import Settings
from console import contracts_show as show
from console.cli import Json, run_command
from console.output import FAILED, Failure, Out
from console.push_command import push

if TYPE_CHECKING:
    from agora.contracts.impact import Impact

Values: TypeAlias = dict[str, Any]

contracts: Final = typer.Typer(
    name="contracts",
    help="The contracts of all events: freeze them, check them, and see whom a change breaks.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@contracts.command()
def freeze(*, as_json: Json = False) -> None:
    """Write the contracts of new events and versions into the folder contracts/; a frozen one is never changed.

    Each version gets two JSON Schemas and golden samples. What services read of each event is noted beside them.
    """
    _run(_frozen, show.frozen, as_json=as_json)


@contracts.command()
def check(*, as_json: Json = False) -> None:
    """Compare the code with the frozen contracts; fail on any difference."""
    _run(_checked, show.checked, as_json=as_json)


@contracts.command()
def diff(*, as_json: Json = False) -> None:
    """Say what has changed since the contracts were frozen, and which services it breaks; fail if anything does.

    Backward: old records, read by the new code. Forward: new records, read by services that still run the old code.
    """
    _run(_compared, show.compared, as_json=as_json)


@contracts.command("list")
def list_(*, as_json: Json = False) -> None:
    """List all events: their versions, who publishes them, who consumes them."""
    _run(_listed, show.listed, as_json=as_json)


contracts.command()(push)


def _run(work: Callable[[Path], Values], present: show.Show, *, as_json: bool) -> None:
    """Do the work on the folder of contracts; findings and breaks make the command fail."""

    async def begin(settings: Settings, out: Out) -> int:
        del settings
        root = frozen.folder()
        try:
            values: Values = {"contracts": str(root), **work(root)}
        except (ContractError, NothingSound) as error:
            raise Failure(str(error)) from None
        out.result(values, lambda console: present(values, console))
        return FAILED if values.get("findings") or values.get("breaks") else 0

    run_command(begin, as_json=as_json)


# What these import takes a while to import, and no other command needs it.


def _frozen(root: Path) -> Values:
    from agora.contracts.check import freeze  # noqa: PLC0415

    return {"written": freeze(root)}


def _checked(root: Path) -> Values:
    from agora.contracts.check import check  # noqa: PLC0415

    findings = check(root)
    return {"versions": len(known.versions()), "findings": [asdict(finding) for finding in findings]}


def _compared(root: Path) -> Values:
    from agora.contracts.impact import diff  # noqa: PLC0415

    found = diff(root)
    return {"changes": [asdict(change) for change in found.changes], "breaks": [_break(one) for one in found.impacts]}


def _break(one: "Impact") -> Values:
    broken = one.broken
    return {
        "event": one.event,
        "field": broken.field,
        "direction": broken.direction,
        "reason": broken.reason,
        "breaks": list(one.breaks),
        "cannot_open": list(one.cannot_open),
    }


def _listed(root: Path) -> Values:
    kept: Mapping[str, object] = frozen.load(root) if root.is_dir() else {}
    return {
        "events": [
            {
                "event": event.__name__,
                "versions": [
                    {"version": version.version, "frozen": version.wire_name in kept} for version in event.lineage()
                ],
                "published_by": list(known.tellers(event.__name__)),
                "consumed_by": list(known.hearers(event.__name__)),
            }
            for event in known.current()
        ]
    }
