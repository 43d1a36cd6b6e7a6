"""JSON values that a schema allows, made on purpose: every limit is met, every choice is taken, one at a time."""

from collections.abc import Iterator, Sequence
from itertools import chain, cycle, islice
from typing import Final

from agora.contracts.compare import Json
from agora.contracts.probe.chance import Strategies, drawn
from agora.contracts.probe.nodes import Document, Unsupported, branches, key, kind
from agora.contracts.probe.scalars import ITEMS_MAX, SEVERAL, Reach, Scalars
from agora.contracts.schema import JsonSchema

DEPTH_MAX: Final = 8  # from here on lists are as short as may be, and a union takes a branch that is no object


class Values:
    """Makes values for the nodes of one document."""

    def __init__(self, document: Document, reach: Reach) -> None:
        self._document = document
        self._reach = reach
        self._scalars = Scalars(document, reach)
        self._strategies = Strategies(document, self._scalars.of, lambda node: self.ordinary(node, DEPTH_MAX))

    def documents(self, bases: Sequence[Json] = (), random: int = 0) -> list[Json]:
        """Whole values: each base (an ordinary one, where none is given) with every variant of every part of it.

        Besides, ``random`` values in which many parts vary at once. Raises ``Unsupported`` if a base does not fit the
        schema, or no ordinary value was found that does.
        """
        root = self._document.root
        taken = list(bases) or [self.ordinary(root)]
        if not all(self._document.fits(root, base) for base in taken):
            what = "a sample does not fit it" if bases else "no value was found that fits it"
            raise Unsupported(f"{root.get('$id', 'a schema')}: {what}")
        every = [made for base in taken for made in (base, *self.variants(root, base))]
        sound = [made for made in every if self._document.fits(root, made)]
        chances = drawn(self._strategies.of(root), random) if random else []
        return sound + [made for made in chances if self._document.fits(root, made)]

    def ordinary(self, node: JsonSchema, depth: int = 0) -> Json:
        """One value that is at no limit, is not the default, and has every field, if the schema allows all that."""
        default, node = node.get("default"), self._document.resolve(node)
        match kind(node):
            case "union":
                return self.ordinary(self._branch(node, depth), depth + 1)
            case "object" if depth <= 2 * DEPTH_MAX:
                return {name: self.ordinary(inner, depth + 1) for name, inner in node.get("properties", {}).items()}
            case "map":
                return dict(islice(self._entries(node, depth), max(1 if depth < DEPTH_MAX else 0, _least(node))))
            case "array":
                return self._ordinary_array(node, depth)
            case "object":
                raise Unsupported("objects are nested without end")
            case _:
                found = self._scalars.of(node)
                return next((value for value in found if key(value) != key(default)), found[0])

    def variants(self, node: JsonSchema, base: Json, depth: int = 0) -> Iterator[Json]:
        """``base`` with one part of it changed, for every part and every value on purpose."""
        node = self._document.resolve(node)
        if depth > DEPTH_MAX:
            return iter(())
        match kind(node):
            case "union":
                made = self._union(node, base, depth)
            case "object":
                made = self._object(node, base if isinstance(base, dict) else self.ordinary(node, depth), depth)
            case "map":
                made = self._map(node, depth)
            case "array" if "prefixItems" in node:
                made = self._tuple(node, base, depth)
            case "array":
                made = self._array(node, base if isinstance(base, list) else [], depth)
            case _:
                made = iter(self._scalars.of(node))
        return made

    def _branch(self, node: JsonSchema, depth: int) -> JsonSchema:
        """The first branch that says something; where the nesting must end, one that ends it."""
        found = [(self._document.resolve(branch), branch) for branch in branches(node) or ()]
        ends = [branch for resolved, branch in found if kind(resolved) not in {"object", "union"}]
        says = [branch for resolved, branch in found if resolved.get("type") != "null"]
        return next(iter((ends if depth >= DEPTH_MAX else says) or says or ends))

    def _union(self, node: JsonSchema, base: Json, depth: int) -> Iterator[Json]:
        for branch in branches(node) or ():
            kept = base if self._document.fits(branch, base) else self._tried(branch, depth + 1)
            if kept is not base:
                yield kept
            yield from self.variants(branch, kept, depth + 1)

    def _tried(self, node: JsonSchema, depth: int) -> Json:
        try:
            return self.ordinary(node, depth)
        except Unsupported:  # too deep: this branch is not taken here, though it was further up
            return None

    def _object(self, node: JsonSchema, base: dict[str, Json], depth: int) -> Iterator[Json]:
        required = node.get("required", ())
        for name, inner in node.get("properties", {}).items():
            part = base[name] if name in base else self.ordinary(inner, depth + 1)
            yield from ({**base, name: variant} for variant in self.variants(inner, part, depth + 1))
            if name not in required:
                yield {**base, name: part}
                yield {other: base[other] for other in base if other != name}
        yield {name: base[name] for name in base if name in required}

    def _map(self, node: JsonSchema, depth: int) -> Iterator[Json]:
        least, most = _least(node), min(node.get("maxProperties", self._reach.items), ITEMS_MAX)
        for size in sorted({least, min(least + 1, most), min(max(least, SEVERAL), most), most}):
            yield dict(islice(self._entries(node, depth), size))
        rest = dict(islice(self._entries(node, depth), least))
        values = node.get("additionalProperties", True)
        inner: JsonSchema = values if isinstance(values, dict) else {}
        for name in islice(self._names(node), most and 1):
            yield from ({**rest, name: made} for made in self.variants(inner, rest.get(name), depth + 1))
        yield from ({**rest, name: self.ordinary(inner, depth + 1)} for name in self._names(node, more=False))

    def _entries(self, node: JsonSchema, depth: int) -> Iterator[tuple[str, Json]]:
        values = node.get("additionalProperties", True)
        inner: JsonSchema = values if isinstance(values, dict) else {}
        return ((name, self.ordinary(inner, depth + 1)) for name in self._names(node))

    def _names(self, node: JsonSchema, *, more: bool = True) -> Iterator[str]:
        named: JsonSchema = self._document.resolve(node.get("propertyNames", {"type": "string"}))
        yield from map(str, self._scalars.of(named))
        if more and kind(named) == "string":
            yield from self._scalars.numbered(named, str)

    def _tuple(self, node: JsonSchema, base: Json, depth: int) -> Iterator[Json]:
        parts: list[Json] = base if isinstance(base, list) else self._ordinary_array(node, depth)
        for place, inner in enumerate(node["prefixItems"]):
            for variant in self.variants(inner, parts[place], depth + 1):
                yield [*parts[:place], variant, *parts[place + 1 :]]

    def _array(self, node: JsonSchema, base: list[Json], depth: int) -> Iterator[Json]:
        least = node.get("minItems", 0)
        most = min(node.get("maxItems", max(least, self._reach.items)), ITEMS_MAX)
        inner: JsonSchema = node.get("items", {})
        if not most:
            yield []
            return
        one = base[0] if base else self.ordinary(inner, depth + 1)
        for size in sorted({least, min(least + 1, most), min(max(least, SEVERAL), most), most}):
            yield self._filled(node, base or [one], size, depth)
        rest = self._filled(node, base or [one], max(least, 1), depth)[1:]
        yield from ([variant, *rest] for variant in self.variants(inner, one, depth + 1))

    def _ordinary_array(self, node: JsonSchema, depth: int) -> Json:
        if "prefixItems" in node:
            return [self.ordinary(inner, depth + 1) for inner in node["prefixItems"]]
        most = node.get("maxItems", self._reach.items)
        size = max(node.get("minItems", 0), min(1 if depth < DEPTH_MAX else 0, most))
        if not size:
            return []
        return self._filled(node, [self.ordinary(node.get("items", {}), depth + 1)], size, depth)

    def _filled(self, node: JsonSchema, items: list[Json], size: int, depth: int) -> list[Json]:
        """So many items; where each must be another, only as many as there are."""
        if not node.get("uniqueItems"):
            return list(islice(cycle(items), size))
        inner = self._document.resolve(node.get("items", {}))
        more = chain(items, self.variants(inner, items[0], depth + 1))
        if kind(inner) in {"integer", "string"}:
            more = chain(more, self._scalars.numbered(inner, int if kind(inner) == "integer" else str))
        distinct: dict[str, Json] = {}
        for item in more:
            if len(distinct) >= size:
                break
            distinct.setdefault(key(item), item)
        return list(distinct.values())


def _least(node: JsonSchema) -> int:
    return node.get("minProperties", 0)
