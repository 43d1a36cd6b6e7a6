"""Under which licence a package comes, as an SPDX expression, and which licences the image may hold."""

from collections.abc import Iterable
from importlib.metadata import PackageMetadata
from typing import Any, Final

from license_expression import ExpressionError, get_spdx_licensing

from deploy.supply import Refused

ALLOWED: Final = {
    "0BSD": "as one likes",
    "Apache-2.0": "keep the notices",
    "BSD-2-Clause": "keep the notices",
    "BSD-3-Clause": "keep the notices",
    "ISC": "keep the notices",
    "MIT": "keep the notices",
    "MIT-0": "as one likes",
    "MPL-2.0": "a changed file is published; we change none",
    "PSF-2.0": "keep the notices",
}
"""The licences that the image may hold, and what each asks of who passes the image on."""

REVIEWED: Final = {
    "jinja2": "BSD-3-Clause",  # says "BSD License" alone; the text that it comes with is the one of three clauses
    "uvloop": "Apache-2.0 OR MIT",  # names both and brings both texts; the short field names one
}
"""Read by a person in the package itself, since what it says of itself does not settle it."""

MEANT: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What packages say that are older than SPDX expressions, with the only licence that it can mean."""

SPDX: Final[Any] = get_spdx_licensing()


def licence(package: PackageMetadata) -> str:
    """A package's licence by its own words. Raises ``Refused`` if they leave it open, or are none that SPDX knows."""
    name = package["Name"].lower()
    said = [REVIEWED[name]] if name in REVIEWED else _said(package)
    expressions = {_expression(MEANT.get(words, words)) for words in said}
    if len(expressions) == 1 and None not in expressions:
        return str(*expressions)
    told = " and ".join(repr(words[:60]) for words in said) or "nothing"
    raise Refused(
        f"{name} {package['Version']} says {told} of its licence, which leaves it open. Read what it comes with, and "
        "enter it in REVIEWED of deploy/supply/licences.py."
    )


def is_allowed(expression: str, allowed: Iterable[str] = frozenset(ALLOWED)) -> bool:
    """May the image hold what comes under this licence? Of alternatives one is enough."""
    return _holds(SPDX.parse(expression, validate=True), frozenset(allowed))


def field(package: PackageMetadata, name: str) -> str:
    """What a package says under a name; nothing, if it does not."""
    return next(iter(package.get_all(name) or []), "")


def _said(package: PackageMetadata) -> list[str]:
    """A licence expression alone if there is one; otherwise all that older fields say."""
    expression = field(package, "License-Expression")
    if expression:
        return [expression]
    classifiers = [text.split(" :: ") for text in package.get_all("Classifier") or []]
    ends = {parts[-1] for parts in classifiers if parts[0] == "License" and len(parts) > 1}
    return sorted({*ends, field(package, "License")} - {"", "OSI Approved"})


def _expression(words: str) -> str | None:
    try:
        return str(SPDX.parse(words, validate=True))
    except ExpressionError:
        return None


def _holds(expression: Any, allowed: frozenset[str]) -> bool:
    parts = [_holds(part, allowed) for part in getattr(expression, "args", ())]
    match type(expression).__name__:
        case "AND":
            return all(parts)
        case "OR":
            return any(parts)
        case _:
            return str(expression) in allowed
