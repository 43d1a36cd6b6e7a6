"""Numbers, strings and other values without parts, made on purpose: every limit is met, every choice is taken."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import Final

from agora.contracts.compare import Json
from agora.contracts.probe import texts
from agora.contracts.probe.nodes import Document, Unsupported, key, kind
from agora.contracts.schema import JsonSchema
from agora.wire import EVENT_BYTES_MAX

ITEMS_MAX: Final = EVENT_BYTES_MAX // 2  # no record has room for more: an item takes a character and a comma
SEVERAL: Final = 3
CHARACTERS: Final = 300
WHOLE: Final = (1, 2, 3, 0, -1, -7, 2**31, 2**53 + 1, 2**63, -(2**63) - 1)
BROKEN: Final = (1.5, 0.25, 1, 0, -1, -1.5, 0.1, 1e15, -1e15)
ANYTHING: Final[tuple[Json, ...]] = ({"a": [1, None]}, None, True, 0, -1.5, "a", "", [], {}, [1, "a"])


@dataclass(frozen=True, slots=True)
class Reach:
    """How far values go where their own schema sets no limit: past every limit that any of the schemas sets."""

    items: int
    characters: int
    number: float

    @classmethod
    def past(cls, *documents: Document) -> "Reach":
        """Past the limits of all these documents, as far as a record has room."""

        def most(*words: str) -> float:
            return max(chain.from_iterable(document.limits(*words) for document in documents), default=0, key=abs)

        return cls(
            items=min(ITEMS_MAX, max(SEVERAL, int(most("minItems", "maxItems", "minProperties", "maxProperties")) + 1)),
            characters=min(EVENT_BYTES_MAX, max(CHARACTERS, int(most("minLength", "maxLength")) + 1)),
            number=abs(most("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
        )


class Scalars:
    """Makes the values of those nodes of one document that have no parts."""

    def __init__(self, document: Document, reach: Reach) -> None:
        self._document = document
        self._reach = reach
        self._found: dict[int, tuple[JsonSchema, list[Json]]] = {}

    def numbered(self, node: JsonSchema, make: Callable[[int], Json]) -> Iterator[Json]:
        """As many different values of an integer or a string as are asked for, if there are."""
        low = math.ceil(node.get("minimum", node.get("exclusiveMinimum", 0)))
        width = node.get("minLength", 0)
        made = (make(number) for number in islice(count(low), ITEMS_MAX))
        return (
            value
            for value in (one.rjust(width, "0") if isinstance(one, str) else one for one in made)
            if self._document.fits(node, value)
        )

    def of(self, node: JsonSchema) -> list[Json]:
        """Every value on purpose of a node that is no union, object or array, the most ordinary first."""
        node = self._document.resolve(node)
        kept = self._found.get(id(node))
        if kept is None:
            made = {key(value): value for value in self._made(node)}
            found = [value for value in made.values() if self._document.fits(node, value)]
            if not found:
                raise Unsupported(f"no value was found that fits {node}")
            self._found[id(node)] = node, found
            return found
        return kept[1]

    def _made(self, node: JsonSchema) -> Iterable[Json]:
        fixed: dict[str, tuple[Json, ...]] = {"boolean": (True, False), "null": (None,), "any": ANYTHING}
        match kind(node):
            case "enum":
                made = node["enum"]
            case "const":
                made = (node["const"],)
            case "integer":
                made = self._numbers(node, WHOLE, whole=True)
            case "number":
                made = self._numbers(node, BROKEN, whole=False)
            case "string":
                made = self._strings(node)
            case other:
                made = fixed[other]
        return made

    def _numbers(self, node: JsonSchema, common: Iterable[float], *, whole: bool) -> Iterator[float]:
        least = 1 if whole else 0.5
        low, high = node.get("minimum", -math.inf), node.get("maximum", math.inf)
        low = max(low, node.get("exclusiveMinimum", -math.inf))
        high = min(high, node.get("exclusiveMaximum", math.inf))
        ends = (low, low + least, high - least, high, self._reach.number + 1, -self._reach.number - 1)
        step = node.get("multipleOf")
        for value in (*common, *(end for end in ends if math.isfinite(end))):
            yield int(value) if whole else value
            if step:
                yield value // step * step
                yield value // step * step + step
        if not whole:
            yield from (math.nextafter(low, math.inf), math.nextafter(high, -math.inf))

    def _strings(self, node: JsonSchema) -> Iterable[str]:
        least = node.get("minLength", 0)
        most = min(node.get("maxLength", max(least, self._reach.characters)), EVENT_BYTES_MAX)
        if "format" in node:
            return texts.FORMATTED[node["format"]]
        return texts.matching(node["pattern"], least, most) if "pattern" in node else texts.plain(least, most)
