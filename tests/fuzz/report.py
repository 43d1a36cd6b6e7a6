"""What a run of the fuzzer found, as a table, and whether it was within its limits."""

import re
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.fuzz.opening import OTHER, Opening

INPUT_SECONDS_MAX: Final = 1.0
MEMORY_GROWTH_MB_MAX: Final = 256
MB: Final = 1_000_000


def peak_mb() -> float:
    """The most memory this process ever had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose getrusage counts in what the parent process had
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) * 1024 / MB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / MB


@dataclass(slots=True)
class Run:
    """One run. Memory is counted from here on: make it once the corpus has been opened."""

    title: str
    opening: Opening
    began_seconds: float = field(default_factory=time.perf_counter)
    began_mb: float = field(default_factory=peak_mb)
    fault: str = ""

    def failures(self) -> list[str]:
        """Why the run failed; nothing if it did not."""
        return list(self._failures())

    def _failures(self) -> Iterator[str]:
        opening = self.opening
        if self.fault:
            yield self.fault
        if opening.slowest_seconds > INPUT_SECONDS_MAX:
            yield f"an input took {opening.slowest_seconds:.1f} s, more than {INPUT_SECONDS_MAX} s"
        if (growth := peak_mb() - self.began_mb) > MEMORY_GROWTH_MB_MAX:
            yield f"memory grew by {growth:.0f} MB, more than {MEMORY_GROWTH_MB_MAX} MB"
        if not self.fault and opening.openings != opening.inputs * len(opening.codecs):
            yield "not every opening came to an end that was counted"
        if opening.dead[OTHER]:
            yield f"{opening.dead[OTHER]:,} dead letters for a reason that is not in the table"

    def table(self) -> str:
        """Everything that was counted, one figure a line."""
        return "\n".join([self.title, *(f"  {name:<40} {figure:>12}" for name, figure in self._rows())])

    def _rows(self) -> Iterator[tuple[str, str]]:
        opening, seconds = self.opening, time.perf_counter() - self.began_seconds
        yield "inputs", f"{opening.inputs:,}"
        yield f"openings, by {len(opening.codecs)} services", f"{opening.openings:,}"
        for name, count in opening.outcomes.most_common():
            yield name, f"{count:,}"
        yield "dead letters", f"{opening.dead.total():,}"
        for reason, count in opening.dead.most_common():
            yield f"  {reason}", f"{count:,}"
        yield "slowest input, ms", f"{opening.slowest_seconds * 1000:,.1f}"
        yield "  its size, bytes", f"{len((opening.slowest and opening.slowest.value) or b''):,}"
        yield "peak memory growth, MB", f"{peak_mb() - self.began_mb:,.1f}"
        yield "inputs/s, all told", f"{opening.inputs / seconds:,.0f}"
        yield "inputs/s, opening alone", f"{opening.inputs / max(opening.opening_seconds, 1e-9):,.0f}"
