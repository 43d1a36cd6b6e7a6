"""Ask what is known against the packages of a lock: pip-audit, with an answer that cannot be mistaken.

By itself it calls a package sound that its service has never heard of, and ends a service that does not answer as it
ends a finding. Here there are three ends: nothing known of any, something known, or not audited.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from deploy.supply import Refused
from deploy.supply.locks import Locked

SKIPPED_NAMED_MAX: Final = 5


class Verdict(Enum):
    """How an audit ends, with its exit code."""

    NOTHING_KNOWN = 0
    SOMETHING_KNOWN = 1
    NOT_AUDITED = 2


@dataclass(frozen=True, slots=True)
class Known:
    """One thing that is known against a package, and the versions that mend it."""

    package: str
    version: str
    id: str
    mended_in: tuple[str, ...]

    def __str__(self) -> str:
        mended = f"mended in {', '.join(self.mended_in)}" if self.mended_in else "mended nowhere yet"
        return f"{self.package} {self.version}: {self.id}, {mended}"


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found. ``skipped`` are packages that the service could not speak of."""

    audited: int
    known: tuple[Known, ...]
    skipped: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        if self.known:
            return Verdict.SOMETHING_KNOWN
        return Verdict.NOT_AUDITED if self.skipped or not self.audited else Verdict.NOTHING_KNOWN

    def lines(self) -> Iterable[str]:
        """What to tell a person."""
        yield from map(str, self.known)
        if self.skipped:
            more = ", …" if len(self.skipped) > SKIPPED_NAMED_MAX else ""
            named = ", ".join(self.skipped[:SKIPPED_NAMED_MAX]) + more
            yield (
                f"NOT AUDITED: the service knows nothing of {len(self.skipped)} of "
                f"{self.audited + len(self.skipped)} packages ({named}). It may be a mirror without "
                "vulnerability data: ask another one, SERVICE=osv, or run this where the service answers."
            )
        if self.known:
            yield f"{len(self.known)} known against {self.audited} packages. Newer ones: make lock ARGS=--upgrade"
        elif not self.skipped:
            yield f"Nothing is known against {self.audited} packages."


def audit(packages: Iterable[Locked], options: Sequence[str]) -> Report:
    """Audit packages at their versions, for every platform. Raises ``Refused`` if the service does not answer."""
    with tempfile.TemporaryDirectory() as folder:
        reports = [_asked(Path(folder), layer, options) for layer in _layers(packages)]
    found = [one for report in reports for one in report]
    known = tuple(_known(one, bad) for one in found for bad in one.get("vulns", []))
    skipped = [one["name"] for one in found if "skip_reason" in one]
    return Report(len(found) - len(skipped), known, tuple(skipped))


def _known(package: dict[str, Any], bad: dict[str, Any]) -> Known:
    return Known(package["name"], package["version"], bad["id"], tuple(bad["fix_versions"]))


def _layers(packages: Iterable[Locked]) -> list[list[Locked]]:
    """Each version of a package once, but no package twice in one layer, whatever platform a version is for."""
    each = {(package.name, package.version): package for package in packages}
    ordered = [each[key] for key in sorted(each)]
    versions = [list(group) for _, group in groupby(ordered, key=lambda package: package.name)]
    deepest = max(map(len, versions), default=0)
    return [[found[depth] for found in versions if depth < len(found)] for depth in range(deepest)]


def _asked(folder: Path, layer: Sequence[Locked], options: Sequence[str]) -> list[dict[str, Any]]:
    """What pip-audit says of each package."""
    wanted, said = folder / "requirements.txt", folder / "said.json"
    said.unlink(missing_ok=True)
    wanted.write_text("".join(_requirement(package) for package in layer), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(wanted), "--require-hashes", "--disable-pip"),
        *("--progress-spinner", "off", "--format", "json", "--output", str(said), *options),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode not in {0, 1} or not said.exists() or not said.stat().st_size:
        told = " ".join(done.stderr.strip().splitlines()[-1:])
        raise Refused(
            f"NOT AUDITED: {told or 'pip-audit said nothing'}\nNothing is known of the packages, good or bad. Run this "
            "where the service answers, or ask another one: SERVICE=osv"
        )
    return json.loads(said.read_text(encoding="utf-8"))["dependencies"]


def _requirement(package: Locked) -> str:
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in package.hashes)
    return f"{package.name}=={package.version} {hashes}\n"
