"""Golden records changed by chance, from a seed: the same seed gives the same inputs."""

import faulthandler
from random import Random
from typing import Final

from agora.memory import MemoryRecord
from tests.fuzz.corpus import corpus
from tests.fuzz.mutations import mutated
from tests.fuzz.opening import Fault, Opening
from tests.fuzz.report import Run

HANG_SECONDS: Final = 60
INPUTS_PER_WATCH: Final = 1_000


def run(inputs: int, seed: int) -> Run:
    """Open so many records."""
    chance, records = Random(seed), corpus()  # noqa: S311 - to be had again, not to be secret
    opening = Opening()
    for one in records:
        opening.open(one)
    ran = Run(f"changed by chance, seed {seed}", Opening(opening.codecs))
    try:
        _open(ran.opening, records, inputs, chance)
    except Fault as fault:
        ran.fault = f"input {ran.opening.inputs + 1:,} of seed {seed}: {fault}"
    finally:
        faulthandler.cancel_dump_traceback_later()
    return ran


def _open(opening: Opening, records: list[MemoryRecord], inputs: int, chance: Random) -> None:
    for number in range(inputs):
        if number % INPUTS_PER_WATCH == 0:
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        opening.open(mutated(chance, records))
