"""Every event has somebody who says it and somebody who hears it, or is known to be the end of a story."""

from typing import Final

from agora.control import EVENTS as CONTROLS
from agora.discovery import services
from agora.requests import Submitted
from agora.turns import members
from console.docs import market
from market.catalogue import COMMANDS, EVENTS, FINAL, OUTCOMES, REMINDERS, RETIRED

SAID: Final = {kind for service in services() for kind in members(service.publishes)}
HEARD: Final = {kind for service in services() for kind in members(service.consumes)}


def test_nothing_is_said_to_nobody_heard_from_nobody_or_addressed_past_its_hearer() -> None:
    assert market().faults() == []


def test_what_is_said_is_heard_by_somebody_or_listed_as_final() -> None:
    assert SAID - HEARD - set(CONTROLS) <= set(FINAL) <= SAID


def test_what_is_heard_is_said_by_somebody_or_comes_from_oneself() -> None:
    assert {*REMINDERS, *OUTCOMES, Submitted} == HEARD - SAID


def test_every_event_of_the_language_is_said_or_heard_but_the_retired() -> None:
    assert set(EVENTS) - set(RETIRED) == (SAID | HEARD) - set(CONTROLS) - {Submitted}


def test_what_may_be_asked_from_outside_is_heard_and_said_at_the_door_alone() -> None:
    assert {kind for kind in EVENTS if kind.command} == set(COMMANDS)
    assert set(COMMANDS) <= HEARD
    inside = (service for service in services() if not service.ingress)
    assert not {kind for service in inside for kind in members(service.publishes)} & set(COMMANDS)


def test_no_two_events_share_a_name_on_the_wire() -> None:
    assert len({kind.wire_name for kind in (*EVENTS, *CONTROLS, Submitted)}) == len(EVENTS) + len(CONTROLS) + 1


def test_a_service_knows_every_event_it_hears_or_says() -> None:
    for service in services():
        assert {*members(service.consumes), *members(service.publishes)} <= {*service.events, *CONTROLS}
