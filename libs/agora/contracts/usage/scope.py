"""What the names in a function's source mean, as far as modules say it."""

import ast
import builtins
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from agora.contracts.usage.parts import Names, classes_in

Function: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """The modules a function sees, and the packages whose functions are followed."""

    globals: Mapping[str, Any]
    packages: frozenset[str]

    def meaning(self, node: ast.expr, names: Names) -> Any:
        """The object that a name, or a name in a module or class, stands for; ``None`` if that cannot be told."""
        if isinstance(node, ast.Name):
            if node.id in names:
                return None
            return self.globals.get(node.id, getattr(builtins, node.id, None))
        if isinstance(node, ast.Attribute):
            owner = self.meaning(node.value, names)
            return getattr(owner, node.attr, None) if inspect.ismodule(owner) or inspect.isclass(owner) else None
        return None

    def classes(self, node: ast.expr, names: Names) -> tuple[type, ...] | None:
        """The classes an expression names, as ``isinstance`` takes them; ``None`` if that cannot be told."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._all((node.left, node.right), names)
        if isinstance(node, ast.Tuple):
            return self._all(tuple(node.elts), names)
        return classes_in(self.meaning(node, names))

    def follows(self, function: object) -> bool:
        """Whether the source of a function is read in its turn."""
        return inspect.isfunction(function) and function.__module__.partition(".")[0] in self.packages

    def _all(self, nodes: tuple[ast.expr, ...], names: Names) -> tuple[type, ...] | None:
        found = [self.classes(node, names) for node in nodes]
        return None if None in found else tuple(kind for classes in found for kind in classes or ())
