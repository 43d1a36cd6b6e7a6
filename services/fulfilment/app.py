"""The fulfilment service."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from os import environ
from typing import Final
from urllib.parse import urlsplit

from agora.service import Service
from market.catalogue import EVENTS
from market.streams import SHIPMENTS
from services.fulfilment.activities import activities
from services.fulfilment.arrivals import Policy
from services.fulfilment.carrier import Carrier
from services.fulfilment.decide import POLICY, Consumes, Publishes, decide
from services.fulfilment.rows import ParcelRow
from services.fulfilment.simulator import SimulatedCarrier
from services.fulfilment.state import Shipment, Unpaid

SECONDS_MIN: Final = 0.001
SECONDS_MAX: Final = 366 * 86_400.0


REAL: Final = Policy(retry_after=timedelta(hours=1), lost_after=timedelta(days=30))
"""A carrier of this world takes days, and may be away for some; a parcel given up too soon is refunded for nothing."""


def policy_of(env: Mapping[str, str]) -> Policy:
    """Take the house rules from the environment, where it sets them. Raises ``ValueError`` that names the variable."""
    usual = REAL if env.get("AGORA_CARRIER_URL") else POLICY
    return Policy(
        retry_after=_seconds(env, "AGORA_TRACKING_SECONDS", usual.retry_after, SECONDS_MIN),
        lost_after=_seconds(env, "AGORA_LOST_SECONDS", usual.lost_after, SECONDS_MIN),
    )


def carrier_of(env: Mapping[str, str]) -> Carrier:
    """The carrier that the environment names, or a simulated one. Raises ``ValueError`` that names the variable."""
    if url := env.get("AGORA_CARRIER_URL"):
        # Only a service with a carrier outside carries an HTTP client.
        from services.fulfilment.http_carrier import HttpCarrier  # noqa: PLC0415

        return HttpCarrier(_web_address("AGORA_CARRIER_URL", url), env.get("AGORA_CARRIER_TOKEN") or None)
    late_share = _number(env, "AGORA_CARRIER_LATE_SHARE", 0, 0, 1)
    return SimulatedCarrier(
        transit=_seconds(env, "AGORA_DELIVERY_SECONDS", SimulatedCarrier().transit, 0),
        late_share=late_share,
        lost_share=_number(env, "AGORA_CARRIER_LOST_SHARE", 0, 0, 1 - late_share),
        seed=env.get("AGORA_CARRIER_SEED", ""),
    )


def _seconds(env: Mapping[str, str], name: str, default: timedelta, least: float) -> timedelta:
    return timedelta(seconds=_number(env, name, default.total_seconds(), least, SECONDS_MAX))


def _number(env: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = env.get(name, str(default))
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, not {text!r}") from None
    if not least <= number <= most:
        raise ValueError(f"{name} must be from {least:g} to {most:g}, not {text!r}")
    return number


def _web_address(name: str, text: str) -> str:
    """Refuse what is no address, or holds a password: that would show up in every error."""
    try:
        address = urlsplit(text)
        sound = address.scheme in {"http", "https"} and address.hostname and address.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in text or not text.isprintable():
        raise ValueError(f"{name} must be an http or https address without user and password")
    return text


service: Final = Service(
    name="fulfilment",
    stream=SHIPMENTS,
    state=Shipment,
    initial=Unpaid(),
    consumes=Consumes,
    publishes=Publishes,
    decide=partial(decide, policy=policy_of(environ)),
    events=EVENTS,
    rows=(ParcelRow,),
    activities=activities(carrier_of(environ)),
)
