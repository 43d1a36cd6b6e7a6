"""Holds golden samples to the code of today: what was once written is read for ever, and meant the same."""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import jsonschema_rs

from agora.contracts.compare import Json, differences
from agora.contracts.findings import TO_FREEZE, Finding, shown
from agora.contracts.frozen import READ, SAMPLE, WRITTEN, ContractError, Frozen
from agora.contracts.known import current
from agora.contracts.samples import Sample
from agora.envelope import read_envelope
from agora.event import Event
from agora.wire import Codec, data_of

FOR_EVER: Final = "A frozen record must be read for ever, as it was meant"


class Changed(Exception):
    """A golden record that today's code does not read, or not as it was meant; the message says how."""


def golden_findings(event: type[Event], kept: Frozen) -> Iterator[Finding]:
    """What is wrong with the golden samples of a version."""
    names = [name for name in kept.files if SAMPLE.fullmatch(name)]
    if not names:
        yield Finding(event.wire_name, "sample", "$", "no sample", "a class", TO_FREEZE)
    for name in names:
        try:
            hold(event, kept, kept.sample(name))
        except (ContractError, Changed) as fault:
            yield Finding(event.wire_name, "sample", name, "a record", str(fault), FOR_EVER)


def hold(event: type[Event], kept: Frozen, sample: Sample) -> None:
    """Open a golden record, write it again, and hold it to its schemas. Raises ``Changed``."""
    try:
        data = bytes(read_envelope(sample.value.encode()).data)
        heard = codec().open(sample.record)
        again = data_of(event.model_validate_json(data))
    except Exception as error:  # noqa: BLE001 - an upcast may raise anything
        raise Changed(f"it does not open: {type(error).__name__}: {error}") from None
    if heard is None or type(heard.event) not in current():
        raise Changed("it does not open as the event of today")
    value = json.loads(data)
    for one in differences(value, json.loads(again)):
        raise Changed(f"{one.path} was {shown(one.frozen)} and is written again as {shown(one.now)}")
    _allowed(value, kept)


@lru_cache(maxsize=1)
def codec() -> Codec:
    """Reads every event there is."""
    return Codec(current(), current())


def _allowed(value: Json, kept: Frozen) -> None:
    for name in (WRITTEN, READ):
        schema = kept.files.get(name)
        if not isinstance(schema, dict):  # that is a finding of its own
            continue
        try:
            jsonschema_rs.validator_for(schema, validate_formats=True).validate(value)
        except (jsonschema_rs.ValidationError, ValueError) as error:
            raise Changed(f"{name} does not allow it: {str(error).partition(chr(10))[0]}") from None
