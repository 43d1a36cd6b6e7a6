"""Follows events through the patterns of ``match``."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from agora.contracts.usage.expressions import Expressions, of_classes
from agora.contracts.usage.parts import NO_PARTS, Names, Parts


@dataclass(frozen=True, slots=True)
class Patterns:
    """Follows events through the patterns of one function; captured names are put into ``names``."""

    expressions: Expressions

    def matched(self, pattern: ast.pattern, parts: Parts, names: Names) -> Parts:
        """Follow a pattern that these parts are matched with; return those that it may match."""
        match pattern:
            case ast.MatchAs(pattern=inner, name=name):
                found = self.matched(inner, parts, names) if inner else parts
                if name:
                    names[name] = found
                return found
            case ast.MatchOr(patterns=patterns):
                return self._any(patterns, parts, names)
            case ast.MatchClass():
                return self._class(pattern, parts, names)
            case ast.MatchSingleton():
                return parts
            case _:
                return self._unfollowed(pattern, parts, names)

    def _any(self, patterns: Sequence[ast.pattern], parts: Parts, names: Names) -> Parts:
        found, captured = NO_PARTS, Names()
        for pattern in patterns:
            alone: Names = {}
            found |= self.matched(pattern, parts, alone)
            captured.update({name: captured.get(name, NO_PARTS) | of for name, of in alone.items()})
        names.update(captured)
        return found

    def _class(self, pattern: ast.MatchClass, parts: Parts, names: Names) -> Parts:
        classes = self.expressions.scope.classes(pattern.cls, {})
        found = parts if classes is None else of_classes(parts, classes)
        positions: Sequence[str] = getattr(classes[0], "__match_args__", ()) if classes else ()
        if len(positions) < len(pattern.patterns):
            self.expressions.reads.take_whole(found)
        named = zip(positions, pattern.patterns, strict=False)
        for name, inner in (*named, *zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True)):
            self.matched(inner, self.expressions.field(found, name), names)
        return found

    def _unfollowed(self, pattern: ast.pattern, parts: Parts, names: Names) -> Parts:
        """Values, sequences and mappings look into what they are matched with."""
        self.expressions.reads.take_whole(parts)
        for child in ast.walk(pattern):
            captured = child.name if isinstance(child, ast.MatchAs | ast.MatchStar) else None
            if captured:
                names[captured] = NO_PARTS
        return parts


def says_all(pattern: ast.pattern) -> bool:
    """Whether a pattern looks at nothing but the class, so that no later case sees what it matches."""
    match pattern:
        case ast.MatchAs(pattern=inner):
            return inner is None or says_all(inner)
        case ast.MatchOr(patterns=patterns):
            return all(map(says_all, patterns))
        case ast.MatchClass():
            return not pattern.patterns and not pattern.kwd_patterns
        case _:
            return False
