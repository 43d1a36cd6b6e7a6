"""A function that a decision hands its event to, in a module of its own."""

from typing import Any, Final

NEVER: Final[Any] = object()


def reason(news: Any) -> str:
    return news.why
