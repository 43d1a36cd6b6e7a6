"""Parts of events: what a name in a decision may stand for, and what was read of them."""

import dataclasses
import inspect
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple, TypeAlias, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from agora.event import Event


class Part(NamedTuple):
    """A field of an event, by its path; the event itself if the path is empty."""

    event: type[Event]
    path: tuple[str, ...] = ()


Parts: TypeAlias = frozenset[Part]
NO_PARTS: Final[Parts] = frozenset()
Names: TypeAlias = dict[str, Parts]
"""What each local name may stand for at some point of a function."""


def kind_of(part: Part) -> type | None:
    """The class of a part; ``None`` if it has none of its own, such as a tuple or a union."""
    kind: type | None = part.event
    for name in part.path:
        kind = _class_in(fields_of(kind).get(name)) if kind else None
    return kind


def fields_of(kind: type | None) -> Mapping[str, Any]:
    """The fields of a model or a dataclass with their annotations; none of anything else."""
    if kind is not None and issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    if kind is not None and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    return {}


def classes_in(annotation: Any) -> tuple[type, ...] | None:
    """The classes of a class, a union or a tuple of them; ``None`` if there is anything else in it."""
    if annotation is Any or getattr(annotation, "_is_protocol", False):  # classes, but none that says what is meant
        return None
    if inspect.isclass(annotation) and get_origin(annotation) is None:
        return (annotation,)
    members = annotation if isinstance(annotation, tuple) else ()
    if get_origin(annotation) in {Union, types.UnionType}:
        members = get_args(annotation)
    found = [classes_in(member) for member in members]
    if not found or any(classes is None for classes in found):
        return None
    return tuple(kind for classes in found for kind in classes or ())


def _class_in(annotation: Any) -> type | None:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, types.UnionType}:
        values = [member for member in get_args(annotation) if member is not types.NoneType]
        return _class_in(values[0]) if len(values) == 1 else None
    annotation = getattr(annotation, "__supertype__", annotation)
    return annotation if inspect.isclass(annotation) and get_origin(annotation) is None else None


@dataclass(frozen=True, slots=True)
class Reads:
    """What was read: ``reached`` on the way to something, or taken ``whole`` with all that is in it."""

    reached: set[Part] = dataclasses.field(default_factory=set[Part])
    whole: set[Part] = dataclasses.field(default_factory=set[Part])

    def take_whole(self, parts: Iterable[Part]) -> None:
        """Note that these parts went where they cannot be followed. Of an event, that is every field."""
        for part in parts:
            names = () if part.path else tuple(part.event.model_fields)
            self.whole.update(Part(part.event, (name,)) for name in names)
            if part.path:
                self.whole.add(part)

    def paths(self, event: type[Event]) -> list[str]:
        """The paths read of an event, dotted and sorted; what lies within another is not named again."""
        whole = {part.path for part in self.whole if part.event is event}
        reached = {part.path for part in self.reached if part.event is event}
        ends = whole | {path for path in reached if not any(_within(other, path) for other in reached | whole)}
        return sorted(".".join(path) for path in ends if not any(_within(path, other) for other in whole))


def _within(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(path) > len(other) and path[: len(other)] == other
