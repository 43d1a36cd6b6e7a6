"""A story as data: what happens, told as events in order."""

from dataclasses import dataclass

from agora.event import Event


@dataclass(frozen=True, slots=True)
class Story:
    """One course of events: ``words`` is one sentence, ``events`` its steps in an order in which they can happen."""

    title: str
    words: str
    events: tuple[type[Event], ...]
