"""The feed: every record of every stream, in one order, for stories, timelines and those who follow the log.

Left out are the requests as they arrived at the door: what was let in follows as a command, the rest as a refusal.
"""

from collections.abc import Iterable
from typing import Final

from agora.control import ERRORS, ErrorOccurred, RedriveParked, SkipParked
from agora.decision import Append
from agora.event import Subject
from agora.view import Told, View
from agora.wire import data_of
from market.catalogue import EVENTS
from market.requests import RequestRefused
from market.streams import REQUESTS
from services.gateway.views.feed.rows import FeedRecord
from services.gateway.views.streams import AGENTS


def show(told: Told) -> Iterable[Append]:
    """Keep the record; the event in it is written in its latest version."""
    yield Append(
        FeedRecord(
            stream=told.stream,
            partition=told.partition,
            log_offset=told.offset,
            subject=told.subject,
            source=told.source,
            id=told.id,
            type=told.type,
            story=told.correlation,
            causation=told.causation,
            at=told.at,
            whole=_is_whole(told),
            data=data_of(told.event).decode(),
        )
    )


def _is_whole(told: Told) -> bool:
    """Whether the record's subject is the first one the event concerns."""
    first: Subject | None = next(iter(told.event.concerns()), None)
    return first is not None and first.id == told.subject and first.stream.name == told.stream


VIEW: Final = View(
    name="feed",
    hears={
        **dict.fromkeys(AGENTS, (*EVENTS, RedriveParked, SkipParked)),
        REQUESTS: (RequestRefused,),
        ERRORS: (ErrorOccurred,),
    },
    show=show,
    rows=(FeedRecord,),
)
