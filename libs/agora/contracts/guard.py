"""Holds what a service says to the frozen contracts, in development as in production."""

import json
import logging
from pathlib import Path
from typing import Final

from agora.contracts.frozen import WRITTEN, folder
from agora.contracts.schema import JsonSchema, canonical, contract_of
from agora.event import Event
from agora.promise import Check, ContractBroken, Promises, by_class

log: Final = logging.getLogger(__name__)


def promises(root: Path | None = None) -> Promises:
    """Check every event against its class and, where that is no longer what was frozen, against the frozen schema."""
    root = root or folder()
    return Promises(lambda kind: _check_of(root, kind))


def _check_of(root: Path, kind: type[Event]) -> Check:
    path = root / kind.wire_name / WRITTEN
    if not path.is_file():
        log.warning("%s has no frozen contract at %s; its class alone is its promise", kind.wire_name, path.parent)
        return by_class(kind)
    frozen = path.read_text(encoding="utf-8")
    if frozen == canonical(contract_of(kind).written):
        return by_class(kind)
    log.warning("%s is no longer what was frozen at %s; see: agora contracts diff", kind.wire_name, path.parent)
    return _by_schema(json.loads(frozen), by_class(kind))


def _by_schema(schema: JsonSchema, by_class: Check) -> Check:
    import jsonschema_rs  # noqa: PLC0415 - needed only where a class has been changed

    validate = jsonschema_rs.validator_for(schema, validate_formats=True).validate

    def check(data: bytes) -> None:
        by_class(data)
        try:
            validate(json.loads(data))
        except jsonschema_rs.ValidationError as error:
            place = "/".join(map(str, error.instance_path))
            raise ContractBroken(f"{place}: {error.message}; it was frozen otherwise") from None

    return check
