"""AGORA_SHARES: where the operator's commands find a service that has several databases."""

import json
from pathlib import Path

import pytest

from agora.audit import Figure
from agora.settings import Settings, SettingsError
from console.audit_databases import Answers, joined
from console.output import Failure
from console.site import Site, locate

ADMIN = "postgresql://root:hush@here:5432/postgres?sslmode=verify-full"
HALVES = {"0-1": "postgresql://one:5433", "2-3": "postgresql://two"}


def site(monkeypatch: pytest.MonkeyPatch, home: Path, shares: object) -> Site:
    text = shares if isinstance(shares, str) else json.dumps(shares)
    monkeypatch.setenv("AGORA_SHARES", text)
    return locate(Settings(home=home, kafka="kafka:9092", postgres=ADMIN, namespace="a_", partitions=4))


def test_each_share_has_its_server_and_the_login_and_options_of_the_administrator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = site(monkeypatch, tmp_path, {"transaction": dict(reversed(HALVES.items()))})
    assert found.urls("transaction") == (
        "postgresql://root:hush@one:5433/a_agora_transaction?sslmode=verify-full",
        "postgresql://root:hush@two/a_agora_transaction?sslmode=verify-full",
    )
    assert found.urls("buyer") == ("postgresql://root:hush@here:5432/a_agora_buyer?sslmode=verify-full",)


def test_what_a_shares_own_address_says_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = "postgresql://ann:quiet@two:1/orders_2?sslmode=require"
    found = site(monkeypatch, tmp_path, {"transaction": {**HALVES, "2-3": own}})
    assert found.urls("transaction")[1] == own


def test_without_the_variable_every_service_has_one_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = site(monkeypatch, tmp_path, "")
    assert {len(urls) for urls in found.databases.values()} == {1}
    assert found.database("transaction") == "postgresql://root:hush@here:5432/a_agora_transaction?sslmode=verify-full"


def test_a_service_with_shares_has_no_one_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="has 2 databases"):
        site(monkeypatch, tmp_path, {"transaction": HALVES}).database("transaction")


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ("{", "should be JSON such as"),
        ("[" * 100_000, "should be JSON such as"),
        ([], "should be JSON such as"),
        ({"transaction": []}, "should be JSON such as"),
        ({"transaction": {}}, "should be JSON such as"),
        ('{"buyer": {"0-3": "postgresql://a"}, "buyer": {}}', "'buyer' stands twice"),
        ({"nobody": HALVES}, "'nobody' is no service that hears a stream; there are buyer, "),
        ({"gateway": HALVES}, "'gateway' is no service that hears a stream"),
        ({"transaction": {**HALVES, "x": "postgresql://a"}}, "transaction: a share should be partitions such as"),
        ({"transaction": {**HALVES, "3": "postgresql://a"}}, "transaction: 2-3 and 3 both name partition 3"),
        ({"transaction": {"0-1": "postgresql://a"}}, "transaction: no share names partition 2 of the 4"),
        ({"transaction": {"0-4": "postgresql://a"}}, "from 0 up to 3, and 4 is none of them"),
        ({"transaction": {**HALVES, "2-3": "mysql://a"}}, "the server of 2-3 should be a URL such as"),
        ({"transaction": {**HALVES, "2-3": "postgresql://a:port"}}, "the server of 2-3 should be a URL"),
        ({"transaction": {**HALVES, "2-3": None}}, "the server of 2-3 should be a URL"),
        ({"transaction": dict.fromkeys(HALVES, "postgresql://one")}, "two shares have the same database"),
    ],
)
def test_a_wrong_map_is_refused_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shares: object, why: str
) -> None:
    with pytest.raises(SettingsError, match=r"^AGORA_SHARES: ") as refused:
        site(monkeypatch, tmp_path, shares)
    assert why in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (Figure("spent", ""), {"both": 7, "one": 1, "zero": 0}),
        (Figure("earliest", "", across="min"), {"both": 3, "one": 1, "zero": 0, "undone": -2}),
        (Figure("latest", "", across="max"), {"both": 4, "one": 1, "zero": 0, "undone": 2}),
    ],
)
def test_a_figure_is_made_of_what_every_database_has(figure: Figure, expected: dict[str, int]) -> None:
    parts = [{"both": 3, "one": 1, "undone": 2}, {"both": 4, "zero": 0, "undone": -2}]
    assert figure.joined(parts) == expected
    assert figure.joined(parts[1:]) == parts[1]


def test_what_several_databases_find_adds_up() -> None:
    figures = {"checkouts accepted by key": {"T-1": 1}}
    one = Answers("gateway", {"parked events": 1, "dead letters": 0}, {"gateway: x": 2}, figures)
    other = Answers("gateway", {"parked events": 2, "dead letters": 0}, {"gateway: x": 3}, {**figures})
    found = joined([one, other])
    assert (found.runtime, found.checks) == ({"parked events": 3, "dead letters": 0}, {"gateway: x": 5})
    assert found.figures == {"checkouts accepted by key": {"T-1": 2}}
