"""Bytes led by coverage: atheris keeps what reaches new lines of the reading code, and changes that further.

A program of its own, ``python -m tests.fuzz.by_coverage INPUTS SEED FOLDER``, since libFuzzer ends the process it
runs in; ``FOLDER`` is for what it keeps.
"""

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, Final

ATHERIS: Final = "atheris"
READING: Final = ["agora.envelope", "agora.wire", "agora.versions"]
INPUT_BYTES_MAX: Final = 8_192
HANG_SECONDS: Final = 60


def is_there() -> bool:
    """Whether atheris is installed; it comes as a package for Linux on x86-64 alone."""
    return find_spec(ATHERIS) is not None


def main(inputs: int, seed: int, folder: Path) -> None:
    """Open so many inputs, print the table, and end the process: 0 if all was well."""
    atheris: Any = import_module(ATHERIS)
    with atheris.instrument_imports(include=READING):
        from tests.fuzz.corpus import corpus  # noqa: PLC0415 - what is imported here is watched
        from tests.fuzz.frame import framed, unframed  # noqa: PLC0415
        from tests.fuzz.mutations import changed  # noqa: PLC0415
        from tests.fuzz.opening import Fault, Opening  # noqa: PLC0415
        from tests.fuzz.report import Run  # noqa: PLC0415
    records = corpus()
    warm = Opening()
    for record in records:
        warm.open(record)
    ran = Run(f"led by coverage, seed {seed}", Opening(warm.codecs))

    def test_one(data: bytes) -> None:
        try:
            ran.opening.open(unframed(data))
        except Fault as fault:
            ran.fault = f"{fault}: {data!r}"
        if ran.fault or ran.opening.inputs >= inputs:
            _end(ran)

    def change(data: bytes, size_max: int, seed: int) -> bytes:
        chance = Random(seed)  # noqa: S311 - to be had again, not to be secret
        if chance.random() < 0.5:
            return atheris.Mutate(data, size_max)
        return framed(changed(chance, unframed(data)))[:size_max]

    for number, record in enumerate(records):
        (folder / str(number)).write_bytes(framed(record))
    options = [
        f"-seed={seed}",
        f"-max_len={INPUT_BYTES_MAX}",
        f"-timeout={HANG_SECONDS}",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], str(folder), "-verbosity=0", *options], test_one, custom_mutator=change)
    atheris.Fuzz()


def _end(ran: Any) -> None:
    print(ran.table(), flush=True)  # noqa: T201 - the program's result
    failures: list[str] = ran.failures()
    for failure in failures:
        print(f"FAILED: {failure}", flush=True)  # noqa: T201
    os._exit(1 if failures else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
