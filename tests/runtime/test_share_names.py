"""A share in words, in settings, and as it is dealt out among the members of its group."""

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.protocol.metadata import MetadataResponse_v0
from hypothesis import given
from hypothesis import strategies as st

from agora.dealing import dealer_of
from agora.serve import share_of
from agora.settings import PARTITIONS_MAX, Settings, SettingsError
from agora.shares import Share, group_of

TOPIC = "counters"
numbers = st.integers(min_value=0, max_value=PARTITIONS_MAX - 1)


@st.composite
def partitions(draw: st.DrawFn) -> frozenset[int]:
    """Some partitions in a few runs, however they meet."""
    runs = draw(st.lists(st.tuples(numbers, st.integers(min_value=1, max_value=40)), min_size=1, max_size=8))
    return frozenset(n for first, length in runs for n in range(first, min(first + length, PARTITIONS_MAX)))


@pytest.mark.parametrize(
    ("text", "named", "spelt"),
    [
        ("0-255", frozenset(range(256)), "0-255"),
        ("0-3,8", frozenset({0, 1, 2, 3, 8}), "0-3,8"),
        ("8, 2,3,0-1", frozenset({0, 1, 2, 3, 8}), "0-3,8"),
        ("007", frozenset({7}), "7"),
        ("0-1,3-4", frozenset({0, 1, 3, 4}), "0-1,3-4"),
    ],
)
def test_a_share_has_one_spelling_however_it_is_written(text: str, named: frozenset[int], spelt: str) -> None:
    share = Share.parse(text, PARTITIONS_MAX)
    assert share == Share(named)
    assert str(share) == spelt


@given(partitions())
def test_what_a_share_is_called_names_it(named: frozenset[int]) -> None:
    assert Share.parse(str(Share(named)), PARTITIONS_MAX) == Share(named)
    assert {number for number in range(PARTITIONS_MAX) if number in Share(named)} == named


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("5-2", r"be partitions such as 0-255 or 0-3,8, not '5-2'$"),
        ("0-", r"not '0-'$"),
        ("-1", r"not '-1'$"),
        ("0,,1", r"not ''$"),
        ("all", r"not 'all'$"),
        ("0\n", r"not '0\\n'$"),
        ("٣", r"not '٣'$"),
        ("0-512", r"from 0 up to 511, and 512 is none of them$"),
        ("0-999999", r"from 0 up to 511, and 999999 is none of them$"),
        ("0-3,2-5", r"each partition once, and names 2 twice$"),
        ("0," * 100 + "0", r"200 characters at most"),
    ],
)
def test_a_wrong_share_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setenv("AGORA_SHARE", text)
    with pytest.raises(SettingsError, match=f"^AGORA_SHARE: should .*{why}"):
        Settings.read()


def test_without_a_share_a_process_serves_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_SHARE", "")
    assert share_of(Settings.read()) is None
    monkeypatch.setenv("AGORA_SHARE", "1,0")
    assert share_of(Settings.read()) == Share(frozenset({0, 1}))


def test_the_processes_of_a_share_are_a_group_of_their_own() -> None:
    groups = [group_of("transaction", "a_", share) for share in (None, Share.parse("255,0-254", PARTITIONS_MAX))]
    assert groups == ["a_transaction", "a_transaction.0-255"]


@given(
    share=partitions(),
    there=st.integers(min_value=1, max_value=PARTITIONS_MAX),
    members=st.sets(st.text(min_size=1, max_size=9), min_size=1, max_size=12),
)
def test_a_share_is_dealt_out_whole_and_evenly_and_nothing_else_is(
    share: frozenset[int], there: int, members: set[str]
) -> None:
    dealer = dealer_of(Share(share))
    dealt = dealer.assign(topic_of(there), {member: dealer.metadata([TOPIC]) for member in members})
    hands = {member: [*hand.partitions()] for member, hand in dealt.items()}
    assert hands.keys() == members
    assert sorted((at.topic, at.partition) for hand in hands.values() for at in hand) == [
        (TOPIC, number) for number in sorted(share) if number < there
    ]
    sizes = [len(hand) for hand in hands.values()]
    assert max(sizes) - min(sizes) <= 1


@given(partitions(), st.sets(st.text(min_size=1, max_size=9), min_size=1, max_size=12))
def test_every_member_deals_the_same_whoever_leads(share: frozenset[int], members: set[str]) -> None:
    dealer = dealer_of(Share(share))
    said: dict[str, ConsumerProtocolMemberMetadata] = {member: dealer.metadata([TOPIC]) for member in sorted(members)}
    backwards = dict(reversed(said.items()))
    assert dealer.assign(topic_of(PARTITIONS_MAX), said) == dealer.assign(topic_of(PARTITIONS_MAX), backwards)


def test_a_topic_that_kafka_has_not_told_of_is_dealt_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    dealer = dealer_of(Share(frozenset({0})))
    dealt = dealer.assign(ClusterMetadata(), {"one": dealer.metadata([TOPIC])})
    assert [*dealt["one"].partitions()] == []
    assert TOPIC in caplog.text


def topic_of(count: int) -> ClusterMetadata:
    cluster = ClusterMetadata()
    cluster.update_metadata(
        MetadataResponse_v0([(0, "broker", 9092)], [(0, TOPIC, [(0, number, 0, [0], [0]) for number in range(count)])])
    )
    return cluster
