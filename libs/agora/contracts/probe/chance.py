"""Random JSON values that a schema allows, drawn by hypothesis: the same code gets the same ones every time."""

import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from agora.contracts.compare import Json
from agora.contracts.probe.nodes import Document, branches, kind
from agora.contracts.schema import JsonSchema

DEPTH_MAX: Final = 6
ITEMS_MORE_MAX: Final = 3
CHARACTERS_MORE_MAX: Final = 20
# Large and slow values are wanted here, and so are draws from within somebody else's property test.
UNMINDED: Final = (
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
    HealthCheck.nested_given,
    HealthCheck.too_slow,
)

Candidates: TypeAlias = Callable[[JsonSchema], list[Json]]

ANYTHING: Final[SearchStrategy[Json]] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def drawn(strategy: SearchStrategy[Any], count: int) -> list[Any]:
    """Up to ``count`` values of a strategy; the same ones in every run of the same code."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        database=None,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=UNMINDED,
    )
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return found


class Strategies:
    """Builds the strategy of a node.

    ``candidates`` gives the values on purpose of a node without parts, ``shallow`` one value that ends any nesting.
    """

    def __init__(self, document: Document, candidates: Candidates, shallow: Callable[[JsonSchema], Json]) -> None:
        self._document = document
        self._candidates = candidates
        self._shallow = shallow

    def of(self, node: JsonSchema, depth: int = 0) -> SearchStrategy[Json]:
        """Values the node allows, but for what several of its limits together exclude."""
        node = self._document.resolve(node)
        if depth > DEPTH_MAX:
            return st.just(self._shallow(node))
        match kind(node):
            case "union":
                made = st.one_of(*(self.of(branch, depth + 1) for branch in branches(node) or ()))
            case "object":
                made = self._object(node, depth)
            case "map":
                made = self._map(node, depth)
            case "array":
                made = self._array(node, depth)
            case "any":
                made = ANYTHING
            case simple:
                made = self._simple(simple, node)
        return made

    def _simple(self, simple: str, node: JsonSchema) -> SearchStrategy[Json]:
        purposeful = st.sampled_from(self._candidates(node))
        match simple:
            case "integer" if "multipleOf" not in node:
                return purposeful | _integers(node).filter(lambda value: self._document.fits(node, value))
            case "number" if "multipleOf" not in node:
                low, high = node.get("minimum"), node.get("maximum")
                floats = st.floats(low, high, allow_nan=False, allow_infinity=False)
                return purposeful | floats.filter(lambda value: self._document.fits(node, value))
            case "string" if not node.keys() & {"pattern", "format"}:
                low = node.get("minLength", 0)
                return purposeful | st.text(
                    min_size=low,
                    max_size=min(node.get("maxLength", low + CHARACTERS_MORE_MAX), low + CHARACTERS_MORE_MAX),
                )
            case _:
                return purposeful

    def _object(self, node: JsonSchema, depth: int) -> SearchStrategy[Json]:
        fields = {name: self.of(inner, depth + 1) for name, inner in node.get("properties", {}).items()}
        required = {name: fields[name] for name in fields if name in node.get("required", ())}
        optional = {name: fields[name] for name in fields if name not in required}
        return st.fixed_dictionaries(required, optional=optional)

    def _map(self, node: JsonSchema, depth: int) -> SearchStrategy[Json]:
        values = node.get("additionalProperties", True)
        least = node.get("minProperties", 0)
        return st.dictionaries(
            self.of(node.get("propertyNames", {"type": "string"}), depth + 1),
            self.of(values, depth + 1) if isinstance(values, dict) else ANYTHING,
            min_size=least,
            max_size=max(least, min(node.get("maxProperties", ITEMS_MORE_MAX), least + ITEMS_MORE_MAX)),
        )

    def _array(self, node: JsonSchema, depth: int) -> SearchStrategy[Json]:
        if "prefixItems" in node:
            return st.tuples(*(self.of(inner, depth + 1) for inner in node["prefixItems"])).map(list)
        least = node.get("minItems", 0)
        most = min(node.get("maxItems", least + ITEMS_MORE_MAX), least + ITEMS_MORE_MAX)
        items = self.of(node.get("items", {}), depth + 1)
        return st.lists(items, min_size=least, max_size=most)


def _integers(node: JsonSchema) -> SearchStrategy[int]:
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    return st.integers(low if above is None else math.floor(above) + 1, high if below is None else math.ceil(below) - 1)
