"""``python -m deploy.supply``: what ``make sbom``, ``make pin``, ``make audit-packages`` and ``make image`` do."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from deploy.supply import BILL, DIGESTS, REQUIREMENTS, ROOT, Refused, building, images, locks, registry
from deploy.supply.audit import Verdict, audit
from deploy.supply.bill import bill
from deploy.supply.project import checkout, project
from deploy.supply.wheels import parts

REFUSED = Verdict.NOT_AUDITED.value

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command()
def sbom() -> None:
    """Make the image's bill of materials anew."""
    with _saying_why():
        base = images.base()
        packages = locks.in_image(locks.read(REQUIREMENTS.read_text(encoding="utf-8")), base.python)
        BILL.write_text(bill(project(), base, parts(packages, base.python)), encoding="utf-8")
        told = base.name if base.pin else f"{base.name}, which is not pinned"
        _say(f"{BILL.relative_to(ROOT)}: {len(packages)} packages on {told}")


@app.command()
def pin(
    *, names: Annotated[bool, typer.Option("--names", help="Ask nobody: enter new names alone, unpinned.")] = False
) -> None:
    """Ask the registries what every image's tag means now, and write it down."""
    with _saying_why():
        before = images.pins()
        if names:
            DIGESTS.write_text(images.written(images.entered(images.named(), before)), encoding="utf-8")
            return
        for name, found in images.pin(registry.look_up, images.named()).items():
            old = before.get(name)
            _say(f"{name} {found.digest}{'' if old == found else f', was {old.digest}' if old else ', was not pinned'}")
        _say(f"Look at what changed in {DIGESTS.relative_to(ROOT)}, then: make sbom")


@app.command()
def pinned() -> None:
    """Print a compose file that pins the images of the others."""
    with _saying_why():
        sys.stdout.write(images.override(images.pins()))


@app.command("audit", context_settings=PASSED_ON)
def audit_packages(
    context: typer.Context,
    lock: Annotated[list[Path] | None, typer.Option(help="A lock, in place of the product's and the image's.")] = None,
) -> None:
    """Ask what is known against the packages: 0 nothing, 1 something, 2 not audited. Other options go to pip-audit."""
    with _saying_why():
        files = lock or [ROOT / "requirements.txt", REQUIREMENTS]
        report = audit([one for file in files for one in locks.read(file.read_text(encoding="utf-8"))], context.args)
        for line in report.lines():
            _say(line)
        raise typer.Exit(report.verdict.value)


@app.command(context_settings=PASSED_ON)
def image(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="The image's name, without its tag.")] = "agora",
    source: Annotated[str, typer.Option(help="Where the source is, for a label.")] = "",
    url: Annotated[str, typer.Option(help="Where more is said of it, for a label.")] = "",
    documentation: Annotated[str, typer.Option(help="Where its documentation is, for a label.")] = "",
    *,
    release: Annotated[
        bool, typer.Option("--release", help="Refuse what is not pinned, billed and committed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command alone.")] = False,
) -> None:
    """Build the image; other options go to docker build."""
    links = {"source": source, "url": url, "documentation": documentation}
    with _saying_why():
        base, said, here = images.base(), project(), checkout()
        if release:
            building.release(here, building.refusals(base, images.pins(), said))
        told = building.arguments(building.Wanted(name, release, links), said, here, base)
        command = ["docker", "build", *told, *context.args, "."]
        if dry_run:
            sys.stdout.write("\n".join([*command, ""]))
            return
        raise typer.Exit(subprocess.run(command, cwd=ROOT, check=False).returncode)  # noqa: S603


@contextmanager
def _saying_why() -> Generator[None]:
    try:
        yield
    except Refused as reason:
        _say(str(reason))
        raise typer.Exit(REFUSED) from None


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    app(prog_name="python -m deploy.supply")
