"""Attempts at an activity: which of them fail, when the next one is made, and when it is given up."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from agora.breaker import COOL_DOWN_SECONDS, FAILURES_IN_A_ROW_MAX
from agora.envelope import read_envelope
from agora.outcomes import REASON_TOLD_CHARS_MAX
from agora.ports import Commit
from tests.runtime.errands import Ask, Fetch, Fetched, FetchFailed, Outside, Stray, broken, declined, fetched
from tests.runtime.shop import ATTEMPTS, errors, hanging, saying, shop


async def test_an_answer_that_does_not_come_in_time_is_a_failed_attempt() -> None:
    answer, _ = hanging()
    async with shop(Outside({"slow": answer}), timeout_seconds=0.01, attempts_max=2) as here:
        await here.hear(Ask(counter="a", what="slow"))
        await here.settle()
        assert here.outside.attempts("slow") == [1, 2]
        assert here.state().failed == (("slow", "no answer within 0.01 s"),)


async def test_attempts_are_spaced_by_a_bound_that_doubles_up_to_a_limit_and_then_it_has_failed() -> None:
    waits: list[list[float]] = []
    for _ in range(40):
        async with shop(Outside({"x": broken}), attempts_max=6, backoff_seconds=1, backoff_seconds_max=8) as here:
            await here.hear(Ask(counter="a", what="x"))
            await here.settle()
            moments = [call.now for _, call in here.outside.calls]
            waits.append([(later - earlier).total_seconds() for earlier, later in pairwise(moments)])
            assert here.outside.attempts("x") == [1, 2, 3, 4, 5, 6]
            assert here.outside.keys("x") == {"counter/test-0/1/0"}
            assert here.state().failed == (("x", "ConnectionError: attempt 6 of x"),)
    # The fifth failure in a row opens the breaker as well, so the sixth attempt waits for that.
    for place, bound in enumerate((1, 2, 4, 8)):
        longest = max(wait[place] for wait in waits)
        assert bound * 0.6 < longest <= bound + 0.1
    assert min(wait[0] for wait in waits) < 0.4


async def test_what_the_other_side_declines_is_not_asked_for_again() -> None:
    async with shop(Outside({"x": declined})) as here:
        await here.hear(Ask(counter="a", what="x"))
        await here.settle()
        assert here.outside.attempts("x") == [1]
        assert here.state().failed == (("x", "we are closed"),)


NONSENSE: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda _: None,
    "a text": lambda _: "milk",
    "an event nobody here hears": lambda task: Stray(counter=task.counter),
    "another one's outcome": lambda task: Fetched(counter="somebody else", what=task.what),
    "a task": lambda task: task,
    "what breaks its contract": lambda task: Fetched.model_construct(counter=task.counter, what=5),
    "what Kafka would not take": lambda task: Fetched(counter=task.counter, what="x" * 1_000_000),
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_an_outcome_that_cannot_be_told_is_a_failed_attempt(name: str) -> None:
    async with shop(Outside({"x": saying(NONSENSE[name])})) as here:
        await here.hear(Ask(counter="a", what="x"))
        await here.settle()
        assert here.outside.attempts("x") == list(range(1, ATTEMPTS + 1))
        assert [what for what, _ in here.state().failed] == ["x"]
        assert here.state().heard == here.state("somebody else").heard == ()
        assert errors(here) == []


async def test_a_reason_is_short_and_plain_whatever_the_other_side_has_said() -> None:
    async def rude(*_: object) -> Any:
        raise ConnectionError("no\x00\ud800\x1b[31m\n" + "x" * 100_000)

    async with shop(Outside({"x": rude})) as here:
        await here.hear(Ask(counter="a", what="x"))
        await here.settle()
        ((_, reason),) = here.state().failed
        assert reason.startswith("ConnectionError: no   [31m ")
        assert len(reason) == REASON_TOLD_CHARS_MAX


def unlucky(task: Any, reason: str) -> Any:
    raise ValueError(f"no words for {task.what}, {reason}")


@pytest.mark.parametrize("failed", [unlucky, lambda task, _: task, lambda *_: Stray(counter="a")])
async def test_a_failure_that_cannot_be_told_is_an_error_and_the_end(failed: Any) -> None:
    async with shop(Outside({"x": declined}), failed=failed) as here:
        await here.hear(Ask(counter="a", what="x"), Ask(counter="a", what="y", name="another"))
        await here.settle()
        (error,) = errors(here)
        assert (error.agent, error.cause_type, error.cause) == ("a", Fetch.wire_name, "counter/test-0/1/0")
        assert "we are closed" in error.error
        assert here.state().heard == ("y",)
        assert here.store.asking == {}


@pytest.mark.parametrize("refused", [(Fetched,), (Fetched, FetchFailed)])
async def test_an_outcome_the_database_refuses_fails_alone(refused: tuple[type[Any], ...]) -> None:
    def refuse(commit: Commit) -> str | None:
        types = {read_envelope(row.value).type for row in commit.outbox if b'"bad"' in row.value}
        return "not this" if types & {kind.wire_name for kind in refused} else None

    async with shop(attempts_max=2) as here:
        here.store.refuse = refuse
        await here.hear(*(Ask(counter=what, what=what) for what in ("good", "bad", "fine")))
        await here.settle()
        assert (here.state("good").heard, here.state("fine").heard) == (("good",), ("fine",))
        if FetchFailed in refused:
            assert ["not this" in error.error for error in errors(here)] == [True]
        else:
            ((_, reason),) = here.state("bad").failed
            assert "not this" in reason


async def test_a_target_that_does_not_answer_is_left_alone_and_tried_with_one_call_while_others_go_on() -> None:
    outside = Outside(otherwise=broken)
    async with shop(outside, concurrency_max=1, attempts_max=100) as here:
        asks = [Ask(counter=f"c{number}", what=f"x{number}") for number in range(FAILURES_IN_A_ROW_MAX * 2)]
        await here.hear(*asks)
        await here.perform()
        assert len(outside.calls) == FAILURES_IN_A_ROW_MAX
        outside.answers["post:card"] = fetched
        await here.hear(Ask(counter="d", what="post:card"))
        await here.perform()
        assert here.state("d").heard == ("post:card",)
        attempts = {key: row.attempts for key, row in here.store.asking.items()}
        here.clock.advance(here.clock.now() + timedelta(seconds=COOL_DOWN_SECONDS))
        await here.perform()
        assert len(outside.calls) == FAILURES_IN_A_ROW_MAX + 1 + 1
        assert sum(row.attempts for row in here.store.asking.values()) == sum(attempts.values()) + 1
        outside.otherwise = fetched
        here.clock.advance(here.clock.now() + timedelta(seconds=COOL_DOWN_SECONDS))
        await here.settle()
        assert [here.state(ask.counter).heard for ask in asks] == [(ask.what,) for ask in asks]


async def test_who_declines_has_answered_and_is_not_left_alone() -> None:
    number_max = FAILURES_IN_A_ROW_MAX * 2
    async with shop(Outside(otherwise=declined), concurrency_max=1) as here:
        await here.hear(*(Ask(counter=f"c{number}", what="x") for number in range(number_max)))
        await here.perform()
        assert len(here.outside.calls) == number_max


async def test_a_call_that_cancels_itself_is_a_failed_attempt() -> None:
    async def cancelled(*_: object) -> Any:
        raise asyncio.CancelledError

    async with shop(Outside({"x": cancelled})) as here:
        await here.hear(Ask(counter="a", what="x"))
        await here.settle()
        assert here.outside.attempts("x") == list(range(1, ATTEMPTS + 1))
        assert here.state().failed == (("x", "cancelled"),)


async def test_a_call_that_is_cut_off_is_no_attempt() -> None:
    answer, _ = hanging()
    async with shop(Outside({"x": answer})) as here:
        await here.hear(Ask(counter="a", what="x"))
        (begun,) = here.call()
        await asyncio.sleep(0)
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
        await here.perform()
        assert begun.cancelled()
        assert [row.attempts for row in here.store.asking.values()] == [0]


async def test_an_attempt_that_fails_after_the_time_is_up_is_the_last_and_its_reason_is_told() -> None:
    async with shop(give_up_seconds=60) as here:

        async def slow(*_: object) -> Any:
            here.clock.advance(here.clock.now() + timedelta(seconds=61))
            raise ConnectionError("too late")

        here.outside.answers["x"] = slow
        await here.hear(Ask(counter="a", what="x"))
        await here.settle()
        assert here.outside.attempts("x") == [1]
        assert here.state().failed == (("x", "ConnectionError: too late"),)


async def test_time_runs_out_although_the_breaker_is_open() -> None:
    give_up = COOL_DOWN_SECONDS / 2
    outside = Outside(otherwise=broken)
    async with shop(outside, concurrency_max=1, attempts_max=100, give_up_seconds=give_up) as here:
        number_max = FAILURES_IN_A_ROW_MAX * 2
        await here.hear(*(Ask(counter=f"c{number}", what="x") for number in range(number_max)))
        began = here.clock.now()
        await here.settle()
        assert len(outside.calls) == FAILURES_IN_A_ROW_MAX
        assert (here.clock.now() - began).total_seconds() == pytest.approx(give_up, abs=0.1)
        reasons = [here.state(f"c{number}").failed for number in range(number_max)]
        assert reasons == [(("x", f"not done within {give_up:g} s"),)] * number_max
