"""How the image is built: by tag for whoever tries something out, and from pinned parts alone for a release."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from deploy.supply import BILL, REQUIREMENTS, ROOT, Refused, bill, locks
from deploy.supply.images import DOCKERFILE, Base, Pin, pinned, qualified
from deploy.supply.project import Checkout, Project

LABEL: Final = "org.opencontainers.image"
LOCAL: Final = "local"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be built. ``links`` are addresses to put on it, by the name of the label (``source``, ``url``, …)."""

    name: str
    release: bool
    links: Mapping[str, str] = field(default_factory=dict[str, str])


def arguments(wanted: Wanted, project: Project, checkout: Checkout, base: Base) -> list[str]:
    """What to tell ``docker build``. The same commit gives the same arguments."""
    version = project.version if wanted.release else LOCAL
    from_ = pinned(base.name, {base.name: base.pin}) if base.pin else base.name
    revision = checkout.revision + ("-changed" if checkout.changed else "")
    built = {
        "BASE": from_,
        "VERSION": version,
        "REVISION": revision,
        "SOURCE_DATE_EPOCH": str(checkout.seconds),
    }
    labels = _labels(wanted, checkout, base)
    return [
        *("--file", DOCKERFILE, "--tag", f"{wanted.name}:{version}"),
        *(word for name, value in built.items() for word in ("--build-arg", f"{name}={value}")),
        *(word for name, value in labels.items() for word in ("--label", f"{LABEL}.{name}={value}")),
    ]


def release(checkout: Checkout, refusals: Sequence[str]) -> None:
    """Raises ``Refused``, with all reasons at once, if what is here cannot be released."""
    changed = ["There are changes that no commit has: commit them, or put them away."] if checkout.changed else []
    found = [*refusals, *changed]
    if found:
        raise Refused("No release is built:\n" + "\n".join(f"- {reason}" for reason in found))


def refusals(base: Base, pins: Mapping[str, Pin | None], project: Project) -> list[str]:
    """What stands in the way of a release, whatever git says."""
    found: list[str] = []
    try:
        pinned(base.name, pins)
    except Refused as reason:
        found.append(str(reason))
    wrong = differences(base, project)
    if wrong:
        found.append(f"{BILL.relative_to(ROOT)} is of other parts ({', '.join(wrong)}). Make it anew: make sbom")
    return found


def differences(base: Base, project: Project) -> list[str]:
    """What the bill of this checkout says otherwise than its lock, its project and its base do."""
    if not BILL.exists():
        return ["there is none"]
    packages = locks.in_image(locks.read(REQUIREMENTS.read_text(encoding="utf-8")), base.python)
    return bill.differences(BILL.read_text(encoding="utf-8"), project, base, packages)


def _labels(wanted: Wanted, checkout: Checkout, base: Base) -> dict[str, str]:
    """The labels that are not in the Dockerfile, since only this knows what they say."""
    return {
        "created": checkout.created,
        "base.name": qualified(base.name),
        **({"base.digest": base.pin.digest} if base.pin else {}),
        **{name: link for name, link in wanted.links.items() if link},
    }
