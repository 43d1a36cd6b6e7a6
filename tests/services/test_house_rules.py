"""What people may set of any service: each variable that is wrong is named, and no service starts with it."""

import sys
from datetime import timedelta
from importlib import import_module
from inspect import isclass

import pytest

from agora.discovery import PACKAGE, folders, service
from agora.settings import HouseRules, SettingsError
from services.concierge.app import ConciergeRules
from services.concierge.goodwill import POLICY as GOODWILL
from services.risk.app import RiskRules
from services.risk.decide import POLICY as RISK
from services.transaction.app import TransactionRules
from services.transaction.decide import POLICY as TRANSACTION
from services.transaction.decide import Policy

WRONG = "no such thing"
ANY_WORDS = {"AGORA_CARRIER_TOKEN", "AGORA_CARRIER_SEED", "AGORA_CONCIERGE_MODEL"}
"""Free text: nothing it could be is wrong by itself."""


def rules_of(name: str) -> type[HouseRules] | None:
    """The class of a service's house rules, if it has some."""
    app = vars(import_module(f"{PACKAGE}.{name}.app")).values()
    return next(
        (kind for kind in app if isclass(kind) and issubclass(kind, HouseRules) and kind is not HouseRules), None
    )


RULES = {name: rules for name in folders() if (rules := rules_of(name))}
FIELDS = [(name, f"AGORA_{field.upper()}") for name, rules in RULES.items() for field in rules.model_fields]
CHECKED = [(name, variable) for name, variable in FIELDS if variable not in ANY_WORDS]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, variable in FIELDS:
        monkeypatch.delenv(variable, raising=False)


def test_these_services_have_house_rules() -> None:
    assert {"transaction", "risk", "concierge", "fulfilment"} <= set(RULES)


def test_no_two_services_share_a_variable() -> None:
    assert len({variable for _, variable in FIELDS}) == len(FIELDS)


@pytest.mark.parametrize(("name", "variable"), CHECKED)
def test_a_wrong_variable_is_named_with_what_it_should_be(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.setenv(variable, WRONG)
    with pytest.raises(SettingsError, match=f"^{variable}: should be [^;]*$") as refused:
        RULES[name].read()
    assert "Value error" not in str(refused.value)


@pytest.mark.parametrize(("name", "variable"), CHECKED)
def test_a_service_cannot_be_set_up_with_a_wrong_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str
) -> None:
    monkeypatch.setenv(variable, WRONG)
    monkeypatch.delitem(sys.modules, f"{PACKAGE}.{name}.app")
    with pytest.raises(SettingsError, match=f"the service '{name}' cannot be set up: {variable}: should be"):
        service(name)


@pytest.mark.parametrize("name", RULES)
def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variables = [variable for owner, variable in CHECKED if owner == name]
    for variable in variables:
        monkeypatch.setenv(variable, WRONG)
    with pytest.raises(SettingsError) as refused:
        RULES[name].read()
    assert [fault.partition(":")[0] for fault in str(refused.value).split("; ")] == variables


@pytest.mark.parametrize(("name", "variable"), FIELDS)
def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch, name: str, variable: str) -> None:
    unset = RULES[name].read()
    monkeypatch.setenv(variable, "")
    assert RULES[name].read() == unset


def test_with_nothing_set_each_policy_is_the_usual_one() -> None:
    assert TransactionRules.read().policy() == TRANSACTION
    assert RiskRules.read().policy() == RISK
    assert ConciergeRules.read().policy() == GOODWILL


@pytest.mark.parametrize(
    ("variable", "limits", "beyond"),
    [
        ("AGORA_FEE_BASIS_POINTS", ("0", "10000"), ("-1", "10001", "2.5")),
        ("AGORA_RISK_THRESHOLD", ("0", "100"), ("-1", "101", "2.5")),
        ("AGORA_CONCIERGE_VOUCHER_BASIS_POINTS_MAX", ("0", "10000"), ("-1", "10001")),
        ("AGORA_CONCIERGE_VOUCHER_MINOR_MAX", ("0", "1000000000000000"), ("-1", "1000000000000001")),
        ("AGORA_CONCIERGE_VOUCHERS_MAX", ("0", "1000000000000000"), ("-1", "1000000000000001")),
        ("AGORA_CONCIERGE_GOODWILL_MINOR_MAX", ("0", "1000000000000000"), ("-1", "1000000000000001")),
        ("AGORA_CONCIERGE_VOUCHER_DAYS", ("0", "999999999"), ("-1", "1e9", "nan")),
        ("AGORA_CONCIERGE_GRIEVANCE_DAYS", ("0", "999999999"), ("-1", "1e9", "inf")),
        ("AGORA_CONCIERGE_HALF_LIFE_DAYS", ("0.5", "999999999"), ("0", "-1", "1e9", "nan")),
        ("AGORA_TIME_LIMIT_SECONDS", ("0", "0.5", "31622400"), ("-1", "31622401", "nan", "inf")),
    ],
)
def test_a_rule_reaches_to_its_limits_and_no_further(
    monkeypatch: pytest.MonkeyPatch, variable: str, limits: tuple[str, ...], beyond: tuple[str, ...]
) -> None:
    rules = next(RULES[name] for name, one in FIELDS if one == variable)
    for value in limits:
        monkeypatch.setenv(variable, value)
        rules.read()
    for value in beyond:
        monkeypatch.setenv(variable, value)
        with pytest.raises(SettingsError, match=f"^{variable}: should be a .*number .*, not '{value}'$"):
            rules.read()


def test_what_only_the_policy_refuses_names_the_variables_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_CONCIERGE_HALF_LIFE_DAYS", "1e-12")  # above 0, and yet no time at all
    with pytest.raises(SettingsError, match=r"^AGORA_CONCIERGE_HALF_LIFE_DAYS: a mood"):
        ConciergeRules.read()


def test_the_rules_of_a_transaction_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_TIME_LIMIT_SECONDS", "0.5")
    monkeypatch.setenv("AGORA_FEE_BASIS_POINTS", "7")
    assert TransactionRules.read().policy() == Policy(timedelta(seconds=0.5), 7)


def test_the_risk_threshold_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_RISK_THRESHOLD", "7")
    assert RiskRules.read().policy().threshold == 7


def test_every_rule_of_the_concierge_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {field: index for index, field in enumerate(ConciergeRules.model_fields, 1) if field != "concierge_model"}
    for field, value in given.items():
        monkeypatch.setenv(f"AGORA_{field.upper()}", str(value))
    policy = ConciergeRules.read().policy()
    assert (policy.voucher_minor_max, policy.voucher_basis_points_max) == (1, 2)
    assert (policy.vouchers_max, policy.goodwill_minor_max) == (3, 4)
    assert (policy.voucher_validity, policy.grievance_lasts) == (timedelta(days=5), timedelta(days=6))
    assert (policy.mood_half_life, policy.by_model) == (timedelta(days=7), False)
