"""The risk service."""

from functools import partial
from os import environ
from typing import Final

from agora.service import Service
from market.catalogue import EVENTS
from market.streams import BUYERS
from services.risk.decide import POLICY, Consumes, Policy, Publishes, decide
from services.risk.rows import ScoredPayment
from services.risk.state import Buyer, Unregistered

THRESHOLD: Final = "AGORA_RISK_THRESHOLD"


def _policy() -> Policy:
    """Take the house rules from the environment, where it sets them."""
    said = environ.get(THRESHOLD, str(POLICY.threshold))
    try:
        return Policy(int(said))
    except ValueError as error:
        raise ValueError(f"{THRESHOLD} is {said!r}: give a whole number from 0 to 100") from error


service: Final = Service(
    name="risk",
    stream=BUYERS,
    state=Buyer,
    initial=Unregistered(),
    consumes=Consumes,
    publishes=Publishes,
    decide=partial(decide, policy=_policy()),
    events=EVENTS,
    rows=(ScoredPayment,),
)
