"""Lets folds hear the log: every event once, opened once, whoever hears it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, NamedTuple

from agora.audit import Fold, Said
from agora.event import Event
from agora.ports import Record
from agora.wire import EVENT_BYTES_MAX, Envelope, Undecodable, open_data, read_envelope
from console.log_reader import Batch
from console.sequences import Sequences


class _Ear(NamedTuple):
    """How to open one kind of event, and who hears it."""

    validate: Any
    folds: tuple[Fold, ...]


class Hearing:
    """Passes records on to the folds that hear them. What cannot be read is a dead letter, which databases count."""

    def __init__(self, folds: Iterable[Fold], sequences: Sequences) -> None:
        self._sequences = sequences
        self._ears = _ears(folds)

    async def hear(self, batches: AsyncIterator[tuple[str, Batch]]) -> None:
        """Hear all of it."""
        async for stream, records in batches:
            for record in records:
                self.record(stream, record)

    def record(self, stream: str, record: Record) -> None:
        """Hear one record."""
        envelope = _open(record)
        if envelope is None or not self._is_new(stream, record.partition, envelope):
            return
        ear = self._ears.get((stream, envelope.type))
        if ear is None:
            return
        try:
            event: Event = open_data(ear.validate, envelope)
        except Undecodable:
            return
        number = int(envelope.sequence or "0")
        said = Said(stream, envelope.subject, event, number, envelope.correlationid or envelope.id)
        for fold in ear.folds:
            fold.hear(said)

    def _is_new(self, stream: str, partition: int, envelope: Envelope) -> bool:
        number = int(envelope.sequence or "0")
        if number:
            return self._sequences.first(stream, partition, envelope.source, number)
        return self._sequences.first_of_id(stream, envelope.subject, envelope.source, envelope.id)


def _open(record: Record) -> Envelope | None:
    """The envelope, where a service would have read it too."""
    value = record.value
    if not record.key or not value or len(value) > EVENT_BYTES_MAX:
        return None
    try:
        envelope = read_envelope(value)
    except Undecodable:
        return None
    number = envelope.sequence
    readable = not number or (number.isascii() and number.isdigit())
    return envelope if readable and envelope.subject.encode() == record.key else None


def _ears(folds: Iterable[Fold]) -> Mapping[tuple[str, str], _Ear]:
    ears: dict[tuple[str, str], _Ear] = {}
    for fold in folds:
        for stream, kinds in fold.hears.items():
            for kind in kinds:
                key = (stream.name, kind.wire_name)
                others = ears[key].folds if key in ears else ()
                ears[key] = _Ear(kind.__pydantic_validator__.validate_json, (*others, fold))
    return ears
