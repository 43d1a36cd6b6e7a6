"""Freezes the contracts of all events, and finds every difference between what is frozen and the code of today."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from agora.contracts import frozen
from agora.contracts.compare import ABSENT, Json
from agora.contracts.findings import TO_FREEZE, TO_RESTORE, Finding, compared
from agora.contracts.frozen import CONSUMERS, READ, SAMPLE, WRITTEN, ContractError, Frozen
from agora.contracts.golden import golden_findings
from agora.contracts.known import versions
from agora.contracts.samples import samples_of
from agora.contracts.schema import contract_of
from agora.contracts.usage.consumers import consumers
from agora.event import Event


def freeze(root: Path) -> list[str]:
    """Write the contracts that are missing and what consumers read today; return the names of the files written.

    Raises ``ContractError``, with nothing written, if a frozen version is not what its class says any more.
    """
    kept = frozen.load(root) if root.is_dir() else {}
    for event in versions():
        for finding in schema_findings(event, kept.get(event.wire_name)):
            if finding.advice != TO_FREEZE:
                raise ContractError(f"a frozen version is never written again. {finding}")
    missing = {event.wire_name: _files(event, kept.get(event.wire_name)) for event in versions()}
    written = [name for wire_name, files in missing.items() for name in frozen.write_missing(root, wire_name, files)]
    return [*written, *frozen.write_consumers(root, consumers())]


def check(root: Path) -> list[Finding]:
    """Every difference between the frozen contracts and the code. Raises ``ContractError`` without a folder."""
    kept, classes = frozen.load(root), {event.wire_name: event for event in versions()}
    findings: list[Finding] = []
    for wire_name, event in classes.items():
        findings += schema_findings(event, kept.get(wire_name))
        if wire_name in kept:
            findings += golden_findings(event, kept[wire_name])
    for wire_name, contract in kept.items():
        findings += _strays(contract)
        if wire_name not in classes:
            advice = "Bring the class back: what was written as it stays in the log for ever"
            findings.append(Finding(wire_name, "folder", "$", "a contract", "no class", advice))
    return [*findings, *_consumer_findings(root)]


def schema_findings(event: type[Event], kept: Frozen | None) -> Iterator[Finding]:
    """Where the schemas of a class are not the frozen ones."""
    if kept is None:
        yield Finding(event.wire_name, "folder", "$", "nothing", "a class", TO_FREEZE)
        return
    contract = contract_of(event)
    yield from _side(event, "written", kept, contract.written)
    yield from _side(event, "read", kept, contract.read)


def _side(event: type[Event], side: Literal["written", "read"], kept: Frozen, now: Json) -> Iterator[Finding]:
    before = kept.files.get(f"{side}.json", ABSENT)
    if isinstance(before, ContractError):
        yield Finding(event.wire_name, side, "$", str(before), "a schema", TO_RESTORE)
    elif before is ABSENT:
        yield Finding(event.wire_name, side, "$", "nothing", "a schema", TO_FREEZE)
    else:
        advice = f"Leave the class as it was, and add version {event.version + 1}"
        yield from compared(event.wire_name, side, before, now, advice)


def _files(event: type[Event], kept: Frozen | None) -> dict[str, Json]:
    """What a version has to have; its samples are made once, and no other joins them later."""
    contract = contract_of(event)
    files: dict[str, Json] = {WRITTEN: contract.written, READ: contract.read}
    if kept is None or not any(map(SAMPLE.fullmatch, kept.files)):
        files |= {f"sample-{number}.json": sample.json() for number, sample in enumerate(samples_of(event), start=1)}
    return files


def _strays(kept: Frozen) -> Iterator[Finding]:
    for name in kept.files:
        if name not in {WRITTEN, READ} and not SAMPLE.fullmatch(name):
            yield Finding(kept.wire_name, "folder", name, "a file of another kind", "nothing", "Take it out")


def _consumer_findings(root: Path) -> Iterator[Finding]:
    try:
        before = frozen.load_consumers(root)
    except ContractError as error:
        yield Finding(CONSUMERS, "consumers", "$", str(error), "what services read", TO_FREEZE)
        return
    yield from compared(CONSUMERS, "consumers", before, consumers(), TO_FREEZE)
