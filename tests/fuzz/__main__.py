"""``python -m tests.fuzz``: open a million broken records, and fail unless every one of them is read or refused."""

import argparse
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import Final

from tests.fuzz import by_chance, by_coverage

COUNT_DIGITS_MAX: Final = 9


def main() -> int:
    """Fuzz, print what was found; 0 if nothing was raised but ``Undecodable``, and all was quick and small."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=_count, default=1_000_000, help="how many records in all (1,000,000)")
    parser.add_argument("--seed", type=_count, default=1, help="where chance begins (1)")
    given = parser.parse_args()
    led = given.inputs // 2 if by_coverage.is_there() else 0
    if not led:
        _say("atheris is not installed, so no input is led by coverage. On Linux: pip install atheris")
    ran = by_chance.run(given.inputs - led, given.seed)
    _say(ran.table())
    for failure in ran.failures():
        _say(f"FAILED: {failure}")
    went_well = not led or _led_by_coverage(led, given.seed)
    return 0 if went_well and not ran.failures() else 1


def _led_by_coverage(inputs: int, seed: int) -> bool:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", by_coverage.__name__, str(inputs), str(seed), folder]
        ended = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, errors="replace")
    if ended.returncode:
        _say(ended.stderr)  # libFuzzer tells there of an input that hangs; otherwise it only tells of itself
    return ended.returncode == 0


def _count(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= COUNT_DIGITS_MAX and int(digits)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 1 and {10**COUNT_DIGITS_MAX - 1:,}")
    return int(digits)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the program's result


if __name__ == "__main__":
    sys.exit(main())
