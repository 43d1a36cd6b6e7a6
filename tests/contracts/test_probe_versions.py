"""Every frozen version is written and read by every other: as they lie in the log, as the classes are now."""

import pytest

from agora.contracts import frozen
from agora.contracts.known import current
from agora.contracts.probe.both_ways import probe
from agora.event import Event

FROZEN = frozen.load(frozen.folder())
PAIRS = [
    (old, new)
    for event in current()
    for place, new in enumerate(event.lineage())
    for old in event.lineage()[place + 1 :]
]


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=[f"{old.wire_name}-{new.wire_name}" for old, new in PAIRS])
def test_a_later_version_reads_the_log_and_keeps_its_word_to_earlier_readers(
    old: type[Event], new: type[Event]
) -> None:
    readable = old.wire_name in new.readable_as.split(",")
    directions = ("backward", "forward") if readable else ("backward",)
    before, after = FROZEN[old.wire_name].contract, FROZEN[new.wire_name].contract
    assert probe(before, after, old_class=old, new_class=new, directions=directions) == []


def test_there_are_versions_to_try() -> None:
    assert "StockRefused.v1-StockRefused.v2" in {f"{old.wire_name}-{new.wire_name}" for old, new in PAIRS}
