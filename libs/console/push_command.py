"""The command ``agora contracts push``: the frozen schemas, registered with a schema registry."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from agora.contracts import frozen
from agora.contracts.registries.subjects import Entry, Level, Side, Strategy, entries
from agora.settings import Settings
from console.cli import Json, run_command
from console.output import FAILED, Failure, Out

if TYPE_CHECKING:
    from collections.abc import Generator

    from agora.contracts.registries.client import Answer, Registry

USER: Final = "AGORA_REGISTRY_USER"
PASSWORD: Final = "AGORA_REGISTRY_PASSWORD"  # noqa: S105 - the name of a variable


class Schemas(StrEnum):
    """Which schemas of each version to register."""

    BOTH = "both"
    WRITTEN = "written"
    READ = "read"

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that this word means."""
        return tuple(Side) if self is Schemas.BOTH else (Side(self),)


def push(
    *,
    url: Annotated[str, typer.Option(metavar="URL", help="Where the registry is: below it lies /subjects.")],
    compatibility: Annotated[
        Level, typer.Option(case_sensitive=False, help="The level under which every subject is kept.")
    ] = Level.FULL,
    subject_strategy: Annotated[
        Strategy,
        typer.Option(help="A subject for every version (OrderPlaced.v1-read) or for every event (OrderPlaced-read)."),
    ] = Strategy.VERSION,
    schemas: Annotated[Schemas, typer.Option(help="What producers promise, what consumers accept, or both.")] = (
        Schemas.BOTH
    ),
    as_json: Json = False,
) -> None:
    """Register the frozen schemas with a schema registry (Confluent's API); again is no harm.

    A login is taken from AGORA_REGISTRY_USER and AGORA_REGISTRY_PASSWORD. A registry compares each schema with the
    one before it under the same subject. It does not know upcasters: a level may refuse what Agora reads well.
    """

    async def work(settings: Settings, out: Out) -> int:
        del settings
        asked = _asked(subject_strategy, schemas)
        answers = await _push(url, asked, compatibility, out)
        counts = Counter(str(answer.status) for answer in answers)
        values = {
            "url": url,
            "compatibility": str(compatibility),
            "subject_strategy": str(subject_strategy),
            **{status: counts[status] for status in ("registered", "present", "refused")},
            "subjects": [_values(entry, answer) for entry, answer in zip(asked, answers, strict=True)],
        }
        out.result(values, lambda console: _show(values, console))
        return FAILED if counts["refused"] else 0

    run_command(work, as_json=as_json)


def _asked(strategy: Strategy, schemas: Schemas) -> list[Entry]:
    try:
        found = frozen.load(frozen.folder())
        asked = entries((one.contract for one in found.values()), strategy, schemas.sides)
    except frozen.ContractError as error:
        raise Failure(str(error)) from None
    if not asked:
        raise Failure(f"no contract is frozen in {frozen.folder()}. Freeze them with: agora contracts freeze")
    return asked


async def _push(url: str, asked: Sequence[Entry], level: Level, out: Out) -> "list[Answer]":
    """Push one after the other, each in a thread that nobody has to wait for when the command is interrupted."""
    loop, worker = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    answers: list[Answer] = []
    shown = Progress(console=out.error, transient=True, disable=not out.error.is_terminal)
    with _registry(url, answers, len(asked)) as registry, shown as progress:
        await loop.run_in_executor(worker, registry.check)
        for entry in progress.track(asked, description="registering"):
            answer = await loop.run_in_executor(worker, registry.push, entry, level)
            answers.append(answer)  # one by one: a failure says how many there are
    worker.shutdown(wait=False)
    return answers


@contextmanager
def _registry(url: str, answers: "Sequence[Answer]", asked: int) -> "Generator[Registry]":
    """The registry while it is pushed to; a failure says how far it came."""
    # Imported only now: the HTTP client takes long to import, and no other command needs it.
    from agora.contracts.registries.client import Registry, RegistryError  # noqa: PLC0415

    logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)  # its tries are told once, when they have failed
    try:
        with Registry(url, _login()) as registry:
            yield registry
    except RegistryError as error:
        rest = f" {len(answers)} of {asked} schemas were done; push again for the others." if answers else ""
        raise Failure(f"{error}{rest}") from None


def _login() -> tuple[str, str] | None:
    user, password = os.environ.get(USER, ""), os.environ.get(PASSWORD, "")
    if bool(user) != bool(password):
        raise Failure(f"set {PASSWORD if user else USER} as well, or neither")
    return (user, password) if user else None


def _values(entry: Entry, answer: "Answer") -> dict[str, Any]:
    return {
        "subject": entry.subject,
        "event": entry.event,
        "schema": str(entry.side),
        "status": str(answer.status),
        "id": answer.id,
        "reason": answer.reason or None,
    }


def _show(values: Mapping[str, Any], console: Console) -> None:
    words = {"registered": "registered", "present": "already there", "refused": "REFUSED"}
    for one in values["subjects"]:
        detail = f"id {one['id']}" if one["reason"] is None else one["reason"]
        console.print(f"{words[one['status']]:<13}  {one['subject']}  {detail}", markup=False, soft_wrap=True)
    console.print(
        f"{values['registered']} registered, {values['present']} already there, {values['refused']} refused "
        f"under {values['compatibility']}.",
        markup=False,
    )
