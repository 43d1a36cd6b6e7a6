"""The fulfilment service."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from agora.service import Service
from agora.settings import HouseRules
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


def _web_address(text: str) -> str:
    """Refuse what is no address, or holds a password: that would show up in every error."""
    try:
        address = urlsplit(text)
        sound = address.scheme in {"http", "https"} and address.hostname and address.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in text or not text.isprintable():
        raise ValueError("should be an http or https address without user and password")
    return text


WebAddress = Annotated[str, AfterValidator(_web_address)]


class FulfilmentRules(HouseRules):
    """The house rules, where the environment sets them, times in seconds; and the carrier, or how a simulated one is.

    How patient the service is with a carrier follows from which it is, unless ``tracking_seconds`` and
    ``lost_seconds`` say so.
    """

    carrier_url: WebAddress | None = None
    carrier_token: SecretStr | None = None
    tracking_seconds: float | None = Field(default=None, ge=SECONDS_MIN, le=SECONDS_MAX)
    lost_seconds: float | None = Field(default=None, ge=SECONDS_MIN, le=SECONDS_MAX)
    delivery_seconds: float = Field(default=SimulatedCarrier().transit.total_seconds(), ge=0, le=SECONDS_MAX)
    carrier_late_share: float = Field(default=0.0, ge=0, le=1)
    carrier_lost_share: float = Field(default=0.0, ge=0, le=1)
    carrier_seed: str = ""

    @field_validator("carrier_lost_share")
    @classmethod
    def _no_more_than_all(cls, lost_share: float, others: ValidationInfo) -> float:
        late_share = others.data.get("carrier_late_share", 0.0)
        if late_share + lost_share > 1:
            raise ValueError(f"should be {1 - late_share:g} at most, as AGORA_CARRIER_LATE_SHARE is {late_share:g}")
        return lost_share

    def policy(self) -> Policy:
        usual = REAL if self.carrier_url else POLICY
        retry_after = None if self.tracking_seconds is None else timedelta(seconds=self.tracking_seconds)
        lost_after = None if self.lost_seconds is None else timedelta(seconds=self.lost_seconds)
        return Policy(retry_after or usual.retry_after, lost_after or usual.lost_after)

    def carrier(self) -> Carrier:
        """The carrier that the environment names, or a simulated one."""
        if self.carrier_url:
            # Only a service with a carrier outside carries an HTTP client.
            from services.fulfilment.http_carrier import HttpCarrier  # noqa: PLC0415

            token = None if self.carrier_token is None else self.carrier_token.get_secret_value()
            return HttpCarrier(self.carrier_url, token)
        return SimulatedCarrier(
            transit=timedelta(seconds=self.delivery_seconds),
            late_share=self.carrier_late_share,
            lost_share=self.carrier_lost_share,
            seed=self.carrier_seed,
        )


RULES: Final = FulfilmentRules.read()

service: Final = Service(
    name="fulfilment",
    stream=SHIPMENTS,
    state=Shipment,
    initial=Unpaid(),
    consumes=Consumes,
    publishes=Publishes,
    decide=partial(decide, policy=RULES.policy()),
    events=EVENTS,
    rows=(ParcelRow,),
    activities=activities(RULES.carrier()),
    linger_seconds=0.1,
)
