"""What people may set from outside, and what they are told when it is wrong."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from traceback import format_exception

import pytest

from agora.settings import SettingsError
from services.fulfilment.app import FulfilmentRules
from services.fulfilment.arrivals import Policy
from services.fulfilment.http_carrier import HttpCarrier
from services.fulfilment.simulator import SimulatedCarrier

WITH_NOTHING_SET = "import sys, services.fulfilment.app; sys.exit('aiohttp' in sys.modules)"


URL = "https://carrier.example"
SECRET = "hush-hush"  # noqa: S105 - of nobody


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FulfilmentRules]:
    """Read the rules in an environment that holds these variables and no others of theirs."""

    def read(**variables: str) -> FulfilmentRules:
        for field in FulfilmentRules.model_fields:
            monkeypatch.delenv(f"AGORA_{field.upper()}", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(f"AGORA_{name}", value)
        return FulfilmentRules.read()

    return read


Rules = Callable[..., FulfilmentRules]


def test_with_nothing_set_the_carrier_is_a_simulated_one_that_brings_everything_in_time(rules: Rules) -> None:
    assert rules().policy() == Policy()
    assert rules().carrier() == SimulatedCarrier(timedelta(seconds=10), late_share=0, lost_share=0)


def test_every_setting_is_heard(rules: Rules) -> None:
    given = rules(
        TRACKING_SECONDS="1.5",
        LOST_SECONDS="90",
        DELIVERY_SECONDS="0",
        CARRIER_LATE_SHARE="0.25",
        CARRIER_LOST_SHARE="0.75",
        CARRIER_SEED="any words",
    )
    assert given.policy() == Policy(timedelta(seconds=1.5), timedelta(seconds=90))
    assert given.carrier() == SimulatedCarrier(timedelta(0), 0.25, 0.75, "any words")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://carrier.example/v1/", "http://[::1]:80/"])
def test_a_carrier_outside_takes_the_place_of_the_simulated_one(rules: Rules, url: str) -> None:
    assert isinstance(rules(CARRIER_URL=url, CARRIER_TOKEN=SECRET).carrier(), HttpCarrier)


def test_a_carrier_outside_is_given_days_unless_told_otherwise(rules: Rules) -> None:
    assert rules(CARRIER_URL=URL).policy() == Policy(timedelta(hours=1), timedelta(days=30))
    assert rules(CARRIER_URL=URL, LOST_SECONDS="90").policy() == Policy(timedelta(hours=1), timedelta(seconds=90))


@pytest.mark.parametrize("url", ["carrier.example", "ftp://carrier.example", "http://", "http://a:0/", "http://a:x/"])
def test_what_is_no_address_is_refused(rules: Rules, url: str) -> None:
    with pytest.raises(SettingsError, match=r"^AGORA_CARRIER_URL: should be an http or https address"):
        rules(CARRIER_URL=url)


def test_a_password_in_the_address_is_refused_and_not_repeated(rules: Rules) -> None:
    with pytest.raises(SettingsError, match="without user and password") as refused:
        rules(CARRIER_URL=f"https://user:{SECRET}@carrier.example/")
    assert SECRET not in "".join(format_exception(refused.value))


def test_the_token_is_not_shown_even_beside_a_wrong_variable(rules: Rules) -> None:
    assert SECRET not in repr(rules(CARRIER_TOKEN=SECRET))
    with pytest.raises(SettingsError) as refused:
        rules(CARRIER_TOKEN=SECRET, CARRIER_LATE_SHARE="0.5", CARRIER_LOST_SHARE="0.6")
    assert SECRET not in "".join(format_exception(refused.value))


@pytest.mark.parametrize("wrong", ["soon", "nan", "inf", "-1", "1e99", "0"])
@pytest.mark.parametrize("name", ["TRACKING_SECONDS", "LOST_SECONDS"])
def test_a_wrong_time_is_refused_by_its_name(rules: Rules, name: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=f"^AGORA_{name}: should be a number from 0.001 .*, not '{wrong}'$"):
        rules(**{name: wrong})


@pytest.mark.parametrize("wrong", ["many", "nan", "-0.1", "1.1e9"])
@pytest.mark.parametrize("name", ["DELIVERY_SECONDS", "CARRIER_LATE_SHARE", "CARRIER_LOST_SHARE"])
def test_a_wrong_setting_of_the_simulated_carrier_is_refused_by_its_name(rules: Rules, name: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=f"^AGORA_{name}: should be a number from 0 .*, not '{wrong}'$"):
        rules(**{name: wrong})


def test_more_parcels_than_all_cannot_be_late_or_lost(rules: Rules) -> None:
    both = r"^AGORA_CARRIER_LOST_SHARE: should be 0\.5 at most, as AGORA_CARRIER_LATE_SHARE is 0\.5$"
    with pytest.raises(SettingsError, match=both):
        rules(CARRIER_LATE_SHARE="0.5", CARRIER_LOST_SHARE="0.6")


@pytest.mark.parametrize("percent", range(101))
def test_all_parcels_may_be_late_or_lost(rules: Rules, percent: int) -> None:
    given = rules(CARRIER_LATE_SHARE=str(percent / 100), CARRIER_LOST_SHARE=str((100 - percent) / 100))
    assert isinstance(given.carrier(), SimulatedCarrier)


def test_a_service_without_a_carrier_outside_carries_no_http_client() -> None:
    assert subprocess.run([sys.executable, "-c", WITH_NOTHING_SET], check=False, timeout=60).returncode == 0
