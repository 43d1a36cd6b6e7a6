"""Which fields of its events one decision reads: the function, and every function of ours that it hands them to."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, TypeAlias, get_type_hints

from agora.contracts.usage.expressions import Expressions, of_classes
from agora.contracts.usage.parts import NO_PARTS, Names, Part, Parts, Reads, classes_in
from agora.contracts.usage.patterns import Patterns
from agora.contracts.usage.scope import Function, Scope
from agora.contracts.usage.statements import Statements
from agora.event import Event

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def fields_read(decide: Function, events: Iterable[type[Event]]) -> dict[type[Event], list[str]]:
    """The dotted paths that a decision, whose second parameter is the event, reads of each of these events."""
    heard, function = tuple(events), decide
    while isinstance(function, partial):
        function = function.func
    packages = {kind.__module__.partition(".")[0] for kind in (function, *heard)}
    reader = _Reader(frozenset(packages))
    reader.follow(function, [NO_PARTS, frozenset(Part(event) for event in heard)], {})
    return {event: reader.reads.paths(event) for event in heard}


@dataclass(frozen=True, slots=True)
class _Reader:
    packages: frozenset[str]
    reads: Reads = field(default_factory=Reads)
    done: set[tuple[Function, frozenset[tuple[str, Parts]]]] = field(
        default_factory=set[tuple[Function, frozenset[tuple[str, Parts]]]]
    )

    def follow(self, function: Function, placed: list[Parts], named: dict[str, Parts]) -> None:
        """Read the source of a function that is called with these parts; each call of a kind is followed once."""
        names = _bound(function, placed, named)
        if not any(names.values()):
            return
        call = (function, frozenset(names.items()))
        if call in self.done:
            return
        self.done.add(call)
        definition = _definition(function)
        if definition is None:
            self.reads.take_whole(part for parts in names.values() for part in parts)
            return
        expressions = Expressions(Scope(_globals(function), self.packages), self.reads, self.follow)
        Statements(expressions, Patterns(expressions)).block(definition.body, names)


def _bound(function: Function, placed: list[Parts], named: dict[str, Parts]) -> Names:
    """What each parameter stands for; one that says which classes it takes is given no others."""
    parameters = inspect.signature(function).parameters
    names: Names = dict.fromkeys(parameters, NO_PARTS)
    rest = _kept(parameters, inspect.Parameter.VAR_POSITIONAL)
    options = _kept(parameters, inspect.Parameter.VAR_KEYWORD)
    by_place = [name for name, parameter in parameters.items() if parameter.kind <= parameter.POSITIONAL_OR_KEYWORD]
    for place, parts in enumerate(placed):
        name = by_place[place] if place < len(by_place) else rest
        names[name] = names.get(name, NO_PARTS) | parts
    for keyword, parts in named.items():
        name = keyword if keyword in parameters else options
        names[name] = names.get(name, NO_PARTS) | parts
    hints = _hints(function)
    return {name: _accepted(parts, hints.get(name)) for name, parts in names.items()}


def _kept(parameters: Mapping[str, inspect.Parameter], kind: object) -> str:
    return next((name for name, parameter in parameters.items() if parameter.kind is kind), "")


def _accepted(parts: Parts, annotation: Any) -> Parts:
    classes = classes_in(annotation)
    return parts if classes is None else of_classes(parts, classes)


def _hints(function: Function) -> Mapping[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):
        return {}


def _globals(function: Function) -> Mapping[str, Any]:
    closure = inspect.getclosurevars(function)
    return {**function.__globals__, **closure.nonlocals}


@lru_cache(maxsize=4096)
def _definition(function: Function) -> Definition | None:
    """The source of a function; ``None`` if there is none to be had, as of a lambda."""
    try:
        module = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    first = module.body[0] if module.body else None
    return first if isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef) else None
