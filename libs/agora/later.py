"""What a turn asks to come later: reminders, and activities, as the store keeps them until then."""

from typing import Final, NamedTuple, TypeAlias

from agora.decision import Abandon, Forget, Perform, Remind
from agora.envelope import ENVELOPE_BYTES_MAX, EVENT_BYTES_MAX
from agora.event import Event
from agora.ports import ActivityRow, Clock, ReminderRow
from agora.promise import Promises
from agora.service import Service
from agora.wire import EventTooLarge, Heard

DATA_BYTES_MAX: Final = EVENT_BYTES_MAX - ENVELOPE_BYTES_MAX

Place: TypeAlias = tuple[str, str]
"""Who asked, and under which name."""


class Later(NamedTuple):
    """One turn that asks for something. What must not be asked for raises, so that the turn fails before its commit."""

    service: Service
    partition: int
    heard: Heard

    def reminder(self, reminder: Remind | Forget, promises: Promises) -> tuple[Place, ReminderRow | None]:
        """The row of a reminder, or none where there is to be none."""
        heard = self.heard
        place = (heard.subject, reminder.name)
        if isinstance(reminder, Forget):
            return place, None
        data = _bounded(reminder.event, promises)
        return place, ReminderRow(
            self.partition,
            heard.subject,
            reminder.name,
            reminder.at,
            reminder.event.wire_name,
            data,
            heard.correlation,
            f"{heard.source}/{heard.id}",
            heard.traceparent,
        )

    def activity(self, asked: Perform | Abandon, index: int, clock: Clock) -> tuple[Place, ActivityRow | None]:
        """The row of an activity that is the decision's number ``index``, or none where there is to be none.

        It is asked for when the turn is taken: a service that was away for long gives nothing up unattempted.
        """
        heard = self.heard
        place = (heard.subject, asked.name)
        if isinstance(asked, Abandon):
            return place, None
        task, now = asked.task, clock.now()
        if all(activity.task is not type(task) for activity in self.service.activities):
            raise LookupError(f"no activity of {self.service.name} says how {task.wire_name} is done")
        return place, ActivityRow(
            self.partition,
            heard.subject,
            asked.name,
            f"{self.service.name}/{self._turn()}/{index}",
            now,
            now,
            0,
            task.wire_name,
            _bounded(task, _TASKS),
            heard.correlation,
            f"{heard.source}/{heard.id}",
            heard.traceparent,
        )

    def _turn(self) -> str:
        """Where the turn has its place; the ids of a source that numbers nothing may come again, offsets do not."""
        heard = self.heard
        return f"{heard.source}/{heard.id}" if heard.sequence else f"{heard.record.partition}@{heard.record.offset}"


_TASKS: Final = Promises()  # their classes alone: a task is between a service and itself


def _bounded(event: Event, promises: Promises) -> bytes:
    data = promises.written(event)
    if len(data) > DATA_BYTES_MAX:  # it could not be published when it falls due
        raise EventTooLarge(f"{event.wire_name} is {len(data):,} bytes, at most {DATA_BYTES_MAX:,}")
    return data
