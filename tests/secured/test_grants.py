"""What is granted is what the contracts ask for: nothing is missing, and nothing is left over."""

import json
from collections.abc import Iterable, Mapping

import pytest
from typer.testing import CliRunner

from agora.discovery import folders
from agora.event import Event, Stream, Subject
from agora.grants import Rights, rights
from agora.papers.choreography import choreography
from console.main import app
from tests.contracts.quiet import Quiet
from tests.secured.contracts import STREAMS, may_read, may_write
from tests.secured.secured_kafka import Acl, acls_of

THINGS, OTHERS = Stream("things"), Stream("others")


class Asked(Event):
    thing: str
    others: list[str]

    def concerns(self) -> Iterable[Subject]:
        return (THINGS(self.thing), *map(OTHERS, self.others))


class Due(Event):
    other: str

    def concerns(self) -> Iterable[Subject]:
        return (OTHERS(self.other),)


def agora(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ("grants", *arguments))
    return result.exit_code, result.stdout, result.stderr


def test_every_grant_is_asked_for_by_a_contract_and_every_need_is_granted(
    spoken: Mapping[str, str], worker_namespace: str
) -> None:
    services, streams = tuple(folders()), set(STREAMS)
    listeners = [name for name in services if name != "gateway"]
    needed = [
        *((name, "Read", "topic", stream, False) for name in services for stream in may_read(name)),
        *((name, "Write", "topic", stream, False) for name in services for stream in may_write(name)),
        *((name, "Read", "group", name, False) for name in (*services, "traces")),
        *((name, "Read", "group", f"{name}.", True) for name in listeners),
        *((name, "Read", "topic", stream, False) for name in ("traces", "operator") for stream in streams),
        *(("topics", does, "topic", s, False) for does in ("Create", "Describe", "DescribeConfigs") for s in streams),
    ]
    granted = acls_of(spoken["--kafka"])
    assert set(granted) == {
        Acl(f"agora-{user}", does, kind, worker_namespace + name, prefixed)
        for user, does, kind, name, prefixed in needed
    }
    assert len(granted) == len(set(granted))


def test_a_service_hears_its_stream_and_speaks_where_its_events_and_its_reminders_go() -> None:
    asking = Quiet.service("thing", consumes=(Asked,), publishes=(Asked,))
    reminded = Quiet.service("other", consumes=(Asked, Due))
    found = rights(choreography([asking, reminded], {}, reminders=(Due,)), {})
    assert found[:2] == (
        Rights("thing", "things", ("things",), ("errors", "others", "things"), groups=("thing",), shares=True),
        Rights("other", "others", ("others",), ("errors", "others"), groups=("other",), shares=True),
    )
    assert [one.name for one in found[2:]] == ["traces", "topics", "operator"]
    assert {one.reads or one.makes for one in found[2:]} == {("errors", "others", "things")}


def test_users_are_called_after_the_release_and_names_begin_with_the_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_NAMESPACE", "blue_")
    code, said, _ = agora("--release", "shop-1", "--json")
    values = json.loads(said)
    assert code == 0
    assert {grant["user"].rpartition("-")[0] for grant in values["kafka"]} == {"shop-1"}
    assert all(grant["name"].startswith("blue_") for grant in values["kafka"])
    assert {one["service"]: one["database"] for one in values["postgres"]} == {
        name: f"blue_agora_{name}" for name in folders()
    }
    _, printed, _ = agora("--release", "shop-1", "--kafka")
    assert {Acl(*grant.values()) for grant in values["kafka"]} == set(acls_of(printed))


def test_the_table_names_everybody() -> None:
    code, said, _ = agora()
    assert code == 0
    assert all(f"agora-{name}" in said for name in (*folders(), "traces", "topics", "operator"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--kafka", "--sql"), "choose one"),
        (("--release", "a;rm"), "--release should be"),
        (("--release", "a" * 54), "--release should be"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], words: str) -> None:
    code, said, error = agora(*arguments)
    assert (code, said) == (1, "")
    assert words in error
