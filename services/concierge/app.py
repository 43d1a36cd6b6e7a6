"""The concierge service."""

from datetime import timedelta
from functools import partial
from typing import Final

from pydantic import Field

from agora.service import Service
from agora.settings import HouseRules
from market.catalogue import EVENTS
from market.money import AMOUNT_MINOR_MAX
from market.streams import BUYERS
from services.concierge.decide import Consumes, Publishes, decide
from services.concierge.goodwill import BASIS_POINTS, POLICY, Policy
from services.concierge.model import wording
from services.concierge.rows import Confirmation
from services.concierge.state import Buyer, Stranger

DAY: Final = timedelta(days=1)
DAYS_MAX: Final = timedelta.max // DAY


class ConciergeRules(HouseRules):
    """The house rules, where the environment sets them: amounts in minor units, times in days.

    ``concierge_model`` is a language model by its name, such as ``openai:gpt-5``; none unless it is set.
    """

    concierge_voucher_minor_max: int = Field(default=POLICY.voucher_minor_max, ge=0, le=AMOUNT_MINOR_MAX)
    concierge_voucher_basis_points_max: int = Field(default=POLICY.voucher_basis_points_max, ge=0, le=BASIS_POINTS)
    concierge_vouchers_max: int = Field(default=POLICY.vouchers_max, ge=0, le=AMOUNT_MINOR_MAX)
    concierge_goodwill_minor_max: int = Field(default=POLICY.goodwill_minor_max, ge=0, le=AMOUNT_MINOR_MAX)
    concierge_voucher_days: float = Field(default=POLICY.voucher_validity / DAY, ge=0, le=DAYS_MAX)
    concierge_grievance_days: float = Field(default=POLICY.grievance_lasts / DAY, ge=0, le=DAYS_MAX)
    concierge_half_life_days: float = Field(default=POLICY.mood_half_life / DAY, gt=0, le=DAYS_MAX)
    concierge_model: str | None = None

    def policy(self) -> Policy:
        return Policy(
            voucher_minor_max=self.concierge_voucher_minor_max,
            voucher_basis_points_max=self.concierge_voucher_basis_points_max,
            vouchers_max=self.concierge_vouchers_max,
            goodwill_minor_max=self.concierge_goodwill_minor_max,
            voucher_validity=timedelta(days=self.concierge_voucher_days),
            grievance_lasts=timedelta(days=self.concierge_grievance_days),
            mood_half_life=timedelta(days=self.concierge_half_life_days),
            by_model=self.concierge_model is not None,
        )


RULES: Final = ConciergeRules.read()

service: Final = Service(
    name="concierge",
    stream=BUYERS,
    state=Buyer,
    initial=Stranger(),
    consumes=Consumes,
    publishes=Publishes,
    decide=partial(decide, policy=RULES.policy()),
    events=EVENTS,
    rows=(Confirmation,),
    activities=(wording(RULES.concierge_model),),
    linger_seconds=0.1,
)
