"""Follows events through expressions: what a value stands for, and what a condition says about it."""

import ast
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from agora.contracts.usage.parts import NO_PARTS, Names, Part, Parts, Reads, fields_of, kind_of
from agora.contracts.usage.scope import Function, Scope

Follow: TypeAlias = Callable[[Function, list[Parts], dict[str, Parts]], None]
"""Reads the source of a function that is called with these parts, by place and by name."""
Branches: TypeAlias = tuple[Names, Names]
"""What names stand for where a condition holds, and where it does not."""
Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
_CONSTANTS: Final = (str, int, tuple, frozenset, type(None))  # what a class says of itself, such as its wire name


@dataclass(frozen=True, slots=True)
class Expressions:
    """Follows events through the expressions of one function."""

    scope: Scope
    reads: Reads
    follow: Follow

    def use(self, node: ast.AST | None, names: Names) -> None:
        """Follow an expression whose value goes where it cannot be followed: what it stands for is read whole."""
        if isinstance(node, ast.expr):
            self.reads.take_whole(self.parts(node, names))
        elif node is not None:
            for child in ast.iter_child_nodes(node):
                self.use(child, names)

    def parts(self, node: ast.expr, names: Names) -> Parts:  # noqa: C901 - one case for each kind of expression
        """Follow an expression; return the parts of events that its value may be."""
        match node:
            case ast.Name():
                return names.get(node.id, NO_PARTS)
            case ast.Attribute():
                return self.field(self.parts(node.value, names), node.attr)
            case ast.NamedExpr(target=ast.Name(id=name)):
                names[name] = self.parts(node.value, names)
                return names[name]
            case ast.IfExp():
                holds, fails = self.branches(node.test, names)
                return self.parts(node.body, holds) | self.parts(node.orelse, fails)
            case ast.BoolOp():
                return self._either(node, names)
            case ast.Call():
                self._call(node, names)
            case ast.Lambda():
                self.use(node.body, names | {argument.arg: NO_PARTS for argument in _arguments(node.args)})
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._comprehend(node, names)
            case ast.Compare(ops=[ast.Is() | ast.IsNot()]):
                for side in (node.left, *node.comparators):
                    self.parts(side, names)
            case _:
                for child in ast.iter_child_nodes(node):
                    self.use(child, names)
        return NO_PARTS

    def field(self, parts: Iterable[Part], name: str) -> Parts:
        """What an attribute of these parts may be. A class without it is not the one that is meant."""
        found: set[Part] = set()
        for part in parts:
            kind = kind_of(part)
            fields = fields_of(kind)
            if name in fields:
                found.add(Part(part.event, (*part.path, name)))
            elif not fields:
                self.reads.take_whole((part,))
            else:
                self._member(part, inspect.getattr_static(kind, name, ""))
        self.reads.reached.update(found)
        return frozenset(found)

    def branches(self, test: ast.expr, names: Names) -> Branches:
        """Follow a condition; return what names stand for where it holds, and where it does not."""
        match test:
            case ast.UnaryOp(op=ast.Not()):
                holds, fails = self.branches(test.operand, names)
                return fails, holds
            case ast.BoolOp():
                return self._all_or_any(test, names)
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), kinds]) if names.get(name):
                classes = self.scope.classes(kinds, names)
                return (dict(names), dict(names)) if classes is None else _told_apart(names, name, classes)
            case _:
                self.parts(test, names)
                return dict(names), dict(names)

    def _member(self, part: Part, member: object) -> None:
        """A property or a method sees all of its own object; one that is not followed may read anything."""
        function = member.fget if isinstance(member, property) else member
        if callable(function) and self.scope.follows(function):
            self.follow(function, [frozenset((part,))], {})
        elif not isinstance(member, _CONSTANTS):
            self.reads.take_whole((part,))

    def _either(self, node: ast.BoolOp, names: Names) -> Parts:
        found: Parts = NO_PARTS
        for value in node.values:
            found |= self.parts(value, names)
            holds, fails = self.branches(value, names)
            names = holds if isinstance(node.op, ast.And) else fails
        return found

    def _all_or_any(self, node: ast.BoolOp, names: Names) -> Branches:
        conjunction, left = isinstance(node.op, ast.And), list[Names]()
        for value in node.values:
            holds, fails = self.branches(value, names)
            names, other = (holds, fails) if conjunction else (fails, holds)
            left.append(other)
        return (names, joined(left)) if conjunction else (joined(left), names)

    def _call(self, node: ast.Call, names: Names) -> None:
        called = self.scope.meaning(node.func, names)
        if called in {isinstance, type}:
            for argument in node.args:
                self.parts(argument, names)
        elif self.scope.follows(called) and _is_plain(node):
            placed = [self.parts(argument, names) for argument in node.args]
            named = {keyword.arg or "": self.parts(keyword.value, names) for keyword in node.keywords}
            self.follow(called, placed, named)
        else:
            self.parts(node.func, names)
            for value in (*node.args, *(keyword.value for keyword in node.keywords)):
                self.use(value, names)

    def _comprehend(self, node: Comprehension, names: Names) -> None:
        names = dict(names)
        for generator in node.generators:
            self.use(generator.iter, names)
            names |= dict.fromkeys(stored_in(generator.target), NO_PARTS)
            for condition in generator.ifs:
                names, _ = self.branches(condition, names)
        for named in (child for child in ast.walk(node) if isinstance(child, ast.NamedExpr)):
            self.use(named.value, names)  # what is named in here may be seen outside
        elements = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        for element in elements:
            self.use(element, names)


def joined(branches: Iterable[Names]) -> Names:
    """What names may stand for where several ways meet."""
    together: Names = {}
    for names in branches:
        for name, parts in names.items():
            together[name] = together.get(name, NO_PARTS) | parts
    return together


def of_classes(parts: Parts, classes: tuple[type, ...]) -> Parts:
    """Those parts that may be instances of one of the classes; of a part of an event that is not told."""
    return frozenset(part for part in parts if part.path or issubclass(part.event, classes))


def stored_in(node: ast.AST) -> set[str]:
    """The names that a target assigns."""
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def _told_apart(names: Names, name: str, classes: tuple[type, ...]) -> Branches:
    parts = names[name]
    others = frozenset(part for part in parts if part.path or not issubclass(part.event, classes))
    return {**names, name: of_classes(parts, classes)}, {**names, name: others}


def _is_plain(node: ast.Call) -> bool:
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    return not starred and all(keyword.arg for keyword in node.keywords)


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
