"""What people may set from outside, and what they are told when it is wrong."""

import subprocess
import sys
from datetime import timedelta

import pytest

from services.fulfilment.app import carrier_of, policy_of
from services.fulfilment.arrivals import Policy
from services.fulfilment.http_carrier import HttpCarrier
from services.fulfilment.simulator import SimulatedCarrier

WITH_NOTHING_SET = "import sys, services.fulfilment.app; sys.exit('aiohttp' in sys.modules)"


def test_with_nothing_set_the_carrier_is_a_simulated_one_that_brings_everything_in_time() -> None:
    assert policy_of({}) == Policy()
    assert carrier_of({}) == SimulatedCarrier(timedelta(seconds=10), late_share=0, lost_share=0)


def test_every_setting_is_heard() -> None:
    given = {
        "AGORA_TRACKING_SECONDS": "1.5",
        "AGORA_LOST_SECONDS": "90",
        "AGORA_DELIVERY_SECONDS": "0",
        "AGORA_CARRIER_LATE_SHARE": "0.25",
        "AGORA_CARRIER_LOST_SHARE": "0.75",
        "AGORA_CARRIER_SEED": "any words",
    }
    assert policy_of(given) == Policy(timedelta(seconds=1.5), timedelta(seconds=90))
    assert carrier_of(given) == SimulatedCarrier(timedelta(0), 0.25, 0.75, "any words")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://carrier.example/v1/", "http://[::1]:80/"])
def test_a_carrier_outside_takes_the_place_of_the_simulated_one(url: str) -> None:
    assert isinstance(carrier_of({"AGORA_CARRIER_URL": url, "AGORA_CARRIER_TOKEN": "s3cret"}), HttpCarrier)


def test_a_carrier_outside_is_given_days_unless_told_otherwise() -> None:
    outside = {"AGORA_CARRIER_URL": "https://carrier.example"}
    assert policy_of(outside) == Policy(timedelta(hours=1), timedelta(days=30))
    assert policy_of({**outside, "AGORA_LOST_SECONDS": "90"}).lost_after == timedelta(seconds=90)


@pytest.mark.parametrize("url", ["carrier.example", "ftp://carrier.example", "http://", "http://a:0/", "http://a:x/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="AGORA_CARRIER_URL must be an http or https address"):
        carrier_of({"AGORA_CARRIER_URL": url})


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="without user and password") as refused:
        carrier_of({"AGORA_CARRIER_URL": "https://user:s3cret@carrier.example/"})
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("wrong", ["", "soon", "nan", "inf", "-1", "1e99"])
@pytest.mark.parametrize("name", ["AGORA_TRACKING_SECONDS", "AGORA_LOST_SECONDS"])
def test_a_wrong_time_is_refused_by_its_name(name: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*, not '{wrong}'"):
        policy_of({name: wrong})


@pytest.mark.parametrize("wrong", ["", "many", "nan", "-0.1", "1.1e9"])
@pytest.mark.parametrize(
    "name", ["AGORA_DELIVERY_SECONDS", "AGORA_CARRIER_LATE_SHARE", "AGORA_CARRIER_LOST_SHARE"]
)  # fmt: skip
def test_a_wrong_setting_of_the_simulated_carrier_is_refused_by_its_name(name: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*, not '{wrong}'"):
        carrier_of({name: wrong})


def test_no_time_at_all_between_two_questions_is_refused() -> None:
    with pytest.raises(ValueError, match="AGORA_TRACKING_SECONDS must be from"):
        policy_of({"AGORA_TRACKING_SECONDS": "0"})


def test_more_parcels_than_all_cannot_be_late_or_lost() -> None:
    with pytest.raises(ValueError, match=r"AGORA_CARRIER_LOST_SHARE must be from 0 to 0\.5"):
        carrier_of({"AGORA_CARRIER_LATE_SHARE": "0.5", "AGORA_CARRIER_LOST_SHARE": "0.6"})


def test_a_service_without_a_carrier_outside_carries_no_http_client() -> None:
    assert subprocess.run([sys.executable, "-c", WITH_NOTHING_SET], check=False, timeout=60).returncode == 0
