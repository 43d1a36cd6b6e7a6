"""What the log may hold of one version: what its producers write, and what its readers also take for it."""

from collections.abc import Iterator
from typing import Any

from agora.contracts.probe.nodes import REF
from agora.contracts.schema import Contract, JsonSchema


def logged(contract: Contract) -> JsonSchema:
    """The schema of ``written``, but that any field may be missing that ``read`` can do without.

    Every producer of this version writes every field. Yet a record from before the field was added lacks it, and so
    may one from a foreign client.
    """
    schema = _merged(contract.written, contract.read)
    for name, tag in _told_apart(schema):
        definition = schema["$defs"][name]
        # pydantic finds the member of a union by its tag, default or not; the schema of the member does not say so.
        definition["required"] = sorted({*definition.get("required", ()), tag})
    return schema


def _merged(written: JsonSchema, read: Any) -> JsonSchema:
    if not isinstance(read, dict):
        return written
    merged: JsonSchema = {word: _part(inner, read.get(word)) for word, inner in written.items()}
    if written.get("type") == "object" and "properties" in read:
        optional = read["properties"].keys() - set(read.get("required", ()))
        merged["required"] = [name for name in written.get("required", ()) if name not in optional]
    return merged


def _part(written: Any, read: Any) -> Any:
    if isinstance(written, dict):
        return _merged(written, read)
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        return [_part(one, other) for one, other in zip(written, read, strict=True)]
    return written


def _told_apart(node: Any) -> Iterator[tuple[str, str]]:
    """Each definition that a union tells apart by a field, with the name of that field."""
    if isinstance(node, list):
        for inner in node:
            yield from _told_apart(inner)
    elif isinstance(node, dict):
        for inner in node.values():
            yield from _told_apart(inner)
        told = node.get("discriminator")
        if isinstance(told, dict) and "propertyName" in told and "mapping" in told:
            yield from ((ref.removeprefix(REF), told["propertyName"]) for ref in told["mapping"].values())
