"""How far a reader of the log has come, and how old what waits is."""

from typing import NamedTuple

from agora.backlog import Backlog, Lag


class Place(NamedTuple):
    topic: str
    partition: int


class Appended(NamedTuple):
    offset: int
    timestamp: int


A, B = Place("buyers", 0), Place("buyers", 1)


def appended(first: int, count: int, at: int) -> list[Appended]:
    """Records that were appended a second apart, the first of them ``at`` so many seconds."""
    return [Appended(first + number, (at + number) * 1000) for number in range(count)]


def test_what_was_taken_waits_since_it_was_appended_until_it_is_done() -> None:
    backlog = Backlog()
    taken = {A: appended(10, 5, at=100)}
    backlog.took(taken)
    assert list(backlog.lags(130)) == [Lag("buyers", 0, 5, 30.0)]
    backlog.did(taken)
    assert list(backlog.lags(140)) == [Lag("buyers", 0, 0, 0.0)]


def test_what_comes_after_what_was_done_is_no_older_than_that() -> None:
    backlog = Backlog()
    taken = {A: appended(10, 5, at=100)}
    backlog.took(taken)
    backlog.did(taken)
    backlog.sees({A: (15, 18)}, 120)
    assert list(backlog.lags(130)) == [Lag("buyers", 0, 3, 130.0 - 104)]


def test_what_comes_where_nothing_waited_waits_since_it_was_seen() -> None:
    backlog = Backlog()
    backlog.sees({A: (15, 15)}, 3_600)
    backlog.sees({A: (15, 17)}, 7_200)
    backlog.sees({A: (15, 19)}, 7_201)
    assert list(backlog.lags(7_205)) == [Lag("buyers", 0, 4, 5.0)]


def test_more_than_was_taken_is_still_known_to_wait() -> None:
    backlog = Backlog()
    backlog.sees({A: (0, 50)}, 100)
    backlog.took({A: appended(0, 5, at=90)})
    assert list(backlog.lags(100)) == [Lag("buyers", 0, 50, 10.0)]


def test_a_partition_that_somebody_else_reads_is_forgotten() -> None:
    backlog = Backlog()
    backlog.took({A: appended(0, 5, at=90), B: appended(7, 1, at=90)})
    backlog.sees({B: (7, 9)}, 100)
    assert [(lag.partition, lag.records) for lag in backlog.lags(100)] == [(1, 2)]
