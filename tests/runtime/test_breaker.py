"""A circuit breaker, in virtual time."""

from datetime import timedelta

import pytest

from agora.breaker import Breaker
from agora.memory import VirtualClock

COOL_DOWN_SECONDS = 10


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def breaker(clock: VirtualClock) -> Breaker:
    return Breaker(clock, failures_max=3, cool_down_seconds=COOL_DOWN_SECONDS)


def wait(clock: VirtualClock, seconds: float) -> None:
    clock.advance(clock.now() + timedelta(seconds=seconds))


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.admits()
        breaker.begin()
        breaker.failed()


def test_it_opens_after_so_many_failures_in_a_row_and_not_before(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.admits()
    fail(breaker, 1)
    assert not breaker.admits()


def test_an_answer_between_failures_begins_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.answered()
    fail(breaker, 2)
    assert breaker.admits()


def test_after_the_cool_down_it_admits_one_call_and_no_other(breaker: Breaker, clock: VirtualClock) -> None:
    fail(breaker, 3)
    wait(clock, COOL_DOWN_SECONDS - 0.001)
    assert not breaker.admits()
    wait(clock, 0.001)
    assert breaker.admits()
    breaker.begin()
    assert not breaker.admits()


def test_a_probe_that_is_answered_closes_it(breaker: Breaker, clock: VirtualClock) -> None:
    fail(breaker, 3)
    wait(clock, COOL_DOWN_SECONDS)
    breaker.begin()
    breaker.answered()
    fail(breaker, 2)
    assert breaker.admits()


def test_a_probe_that_fails_opens_it_for_another_cool_down(breaker: Breaker, clock: VirtualClock) -> None:
    fail(breaker, 3)
    wait(clock, COOL_DOWN_SECONDS)
    fail(breaker, 1)
    wait(clock, COOL_DOWN_SECONDS - 0.001)
    assert not breaker.admits()
    wait(clock, 0.001)
    assert breaker.admits()


def test_a_late_answer_to_an_old_call_closes_it(breaker: Breaker) -> None:
    breaker.begin()
    fail(breaker, 3)
    breaker.answered()
    assert breaker.admits()
