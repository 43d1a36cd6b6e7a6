"""The concierge service."""

from datetime import timedelta
from functools import partial
from os import environ
from typing import Final

from agora.service import Service
from market.catalogue import EVENTS
from market.streams import BUYERS
from services.concierge.decide import Consumes, Publishes, decide
from services.concierge.goodwill import POLICY, Policy
from services.concierge.model import wording
from services.concierge.rows import Confirmation
from services.concierge.state import Buyer, Stranger

MODEL: Final = environ.get("AGORA_CONCIERGE_MODEL") or None
"""A language model by its name, such as ``openai:gpt-5``; none unless it is set."""


def _policy() -> Policy:
    """Take the house rules from the environment, where it sets them."""
    return Policy(
        voucher_minor_max=_number("AGORA_CONCIERGE_VOUCHER_MINOR_MAX", POLICY.voucher_minor_max),
        voucher_basis_points_max=_number("AGORA_CONCIERGE_VOUCHER_BASIS_POINTS_MAX", POLICY.voucher_basis_points_max),
        vouchers_max=_number("AGORA_CONCIERGE_VOUCHERS_MAX", POLICY.vouchers_max),
        goodwill_minor_max=_number("AGORA_CONCIERGE_GOODWILL_MINOR_MAX", POLICY.goodwill_minor_max),
        voucher_validity=_days("AGORA_CONCIERGE_VOUCHER_DAYS", POLICY.voucher_validity),
        grievance_lasts=_days("AGORA_CONCIERGE_GRIEVANCE_DAYS", POLICY.grievance_lasts),
        mood_half_life=_days("AGORA_CONCIERGE_HALF_LIFE_DAYS", POLICY.mood_half_life),
        by_model=MODEL is not None,
    )


def _number(name: str, default: int) -> int:
    return int(environ.get(name, default))


def _days(name: str, default: timedelta) -> timedelta:
    return timedelta(days=float(environ[name])) if name in environ else default


service: Final = Service(
    name="concierge",
    stream=BUYERS,
    state=Buyer,
    initial=Stranger(),
    consumes=Consumes,
    publishes=Publishes,
    decide=partial(decide, policy=_policy()),
    events=EVENTS,
    rows=(Confirmation,),
    activities=(wording(MODEL),),
)
