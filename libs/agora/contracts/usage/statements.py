"""Follows events through the statements of a function, branch by branch."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from agora.contracts.usage.expressions import Expressions, joined, stored_in
from agora.contracts.usage.parts import NO_PARTS, Names, Parts
from agora.contracts.usage.patterns import Patterns, says_all

Split: TypeAlias = Callable[[ast.pattern], Sequence[ast.pattern] | None]
"""The pattern of each value that is matched; ``None`` where a case takes them all together."""


@dataclass(frozen=True, slots=True)
class Statements:
    """Follows events through the statements of one function."""

    expressions: Expressions
    patterns: Patterns

    def block(self, body: Sequence[ast.stmt], names: Names) -> Names | None:
        """Follow statements in their order; ``None`` where none comes after them."""
        for statement in body:
            following = self._statement(statement, names)
            if following is None:
                return None
            names = following
        return names

    # One case for each kind of statement.
    def _statement(self, node: ast.stmt, names: Names) -> Names | None:  # noqa: C901, PLR0911
        match node:
            case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
                self.expressions.use(node, names)
                return None
            case ast.Assign(targets=targets, value=value):
                return self._assign(targets, value, names)
            case ast.AnnAssign(target=target, value=value):
                return self._assign([target], value, names) if value else names
            case ast.If():
                holds, fails = self.expressions.branches(node.test, names)
                return _meet(self.block(node.body, holds), self.block(node.orelse, fails))
            case ast.For() | ast.AsyncFor():
                self.expressions.use(node.iter, names)
                return self._loop(node, names | dict.fromkeys(stored_in(node.target), NO_PARTS))
            case ast.While():
                return self._loop(node, self.expressions.branches(node.test, names)[0])
            case ast.Match():
                return self._match(node, names)
            case ast.Try() | ast.TryStar():
                return self._try(node, names)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self.expressions.use(item.context_expr, names)
                return self.block(node.body, names)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                hidden = [argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)]
                self.block(node.body, names | dict.fromkeys(hidden, NO_PARTS))
                return names | {node.name: NO_PARTS}
            case _:
                self.expressions.use(node, names)
                return names

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr, names: Names) -> Names:
        for target in targets:
            if isinstance(target, ast.Name):
                names = {**names, target.id: self.expressions.parts(value, names)}
            elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
                for one, part in zip(target.elts, value.elts, strict=True):
                    names = self._assign([one], part, names)
            else:
                self.expressions.use(value, names)
                names = names | dict.fromkeys(stored_in(target), NO_PARTS)
        return names

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, names: Names) -> Names:
        """What a first round leaves behind, a second may come upon."""
        for _ in range(2):
            names = joined((names, self.block(node.body, names) or names))
        return self.block(node.orelse, names) or names

    def _try(self, node: ast.Try | ast.TryStar, names: Names) -> Names | None:
        tried = self.block(node.body, names)
        caught = joined((names, tried or names))
        handled = [self.block(handler.body, dict(caught)) for handler in node.handlers]
        passed = self.block(node.orelse, tried) if tried else None
        after = _meet(passed, *handled)
        return self.block(node.finalbody, after or caught) if after or node.finalbody else None

    def _match(self, node: ast.Match, names: Names) -> Names | None:
        subject = node.subject
        if isinstance(subject, ast.Tuple):
            return self._match_several(node, subject.elts, names)
        return self._cases(node, [subject], names, lambda pattern: [pattern])

    def _match_several(self, node: ast.Match, subjects: Sequence[ast.expr], names: Names) -> Names | None:
        """``match buyer, event`` is followed value by value, as long as every case names every value."""

        def each(pattern: ast.pattern) -> Sequence[ast.pattern] | None:
            patterns = pattern.patterns if isinstance(pattern, ast.MatchSequence) else ()
            return patterns if len(patterns) == len(subjects) else None

        return self._cases(node, subjects, names, each)

    def _cases(self, node: ast.Match, subjects: Sequence[ast.expr], names: Names, each: Split) -> Names | None:
        left = [self.expressions.parts(subject, names) for subject in subjects]
        ends: list[Names | None] = []
        for case in node.cases:
            patterns = each(case.pattern)
            inside = dict(names)
            for place, subject in enumerate(subjects):
                if patterns is None:
                    found = self._anything(case.pattern, left[place], inside)
                else:
                    found = self.patterns.matched(patterns[place], left[place], inside)
                if isinstance(subject, ast.Name):
                    inside[subject.id] = found
                if len(subjects) == 1 and patterns and not case.guard and says_all(patterns[0]):
                    left = [left[0] - found]
            if case.guard:
                inside, _ = self.expressions.branches(case.guard, inside)
            ends.append(self.block(case.body, inside))
        return _meet(names, *ends)

    def _anything(self, pattern: ast.pattern, parts: Parts, names: Names) -> Parts:
        wildcard = isinstance(pattern, ast.MatchAs) and pattern.pattern is None and pattern.name is None
        return parts if wildcard else self.patterns.matched(ast.MatchSequence([pattern]), parts, names)


def _meet(*ends: Names | None) -> Names | None:
    going_on = [names for names in ends if names is not None]
    return joined(going_on) if going_on else None
