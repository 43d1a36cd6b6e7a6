"""Lets folds hear the log: every event once, opened once, whoever hears it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import NamedTuple

from agora.audit import Fold, Said
from agora.envelope import Envelope, Undecodable, envelope_of, number_of
from agora.event import Event
from agora.ports import Record
from agora.versions import Opener, openers
from agora.wire import open_data
from console.log_reader import Batch
from console.sequences import Sequences


class _Ear(NamedTuple):
    """How to open one kind of event, and who hears it."""

    opener: Opener
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
            event: Event = open_data(ear.opener, envelope)
        except Undecodable:
            return
        number = number_of(envelope)
        said = Said(stream, envelope.subject, event, number, envelope.correlationid or envelope.id)
        for fold in ear.folds:
            fold.hear(said)

    def _is_new(self, stream: str, partition: int, envelope: Envelope) -> bool:
        number = number_of(envelope)
        if number:
            return self._sequences.first(stream, partition, envelope.source, number)
        return self._sequences.first_of_id(stream, envelope.subject, envelope.source, envelope.id)


def _open(record: Record) -> Envelope | None:
    """The envelope, where a service would have read it too."""
    try:
        envelope = envelope_of(record)
        number_of(envelope)
    except Undecodable:
        return None
    return envelope


def _ears(folds: Iterable[Fold]) -> Mapping[tuple[str, str], _Ear]:
    ears: dict[tuple[str, str], _Ear] = {}
    for fold in folds:
        for stream, kinds in fold.hears.items():
            for wire_name, opener in openers(kinds).items():
                key = (stream.name, wire_name)
                others = ears[key].folds if key in ears else ()
                ears[key] = _Ear(opener, (*others, fold))
    return ears
