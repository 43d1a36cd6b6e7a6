"""The risk service."""

from functools import partial
from typing import Final

from pydantic import Field

from agora.service import Service
from agora.settings import HouseRules
from market.catalogue import EVENTS
from market.risks import SCORE_MAX
from market.streams import BUYERS
from services.risk.decide import POLICY, Consumes, Policy, Publishes, decide
from services.risk.rows import ScoredPayment
from services.risk.state import Buyer, Unregistered


class RiskRules(HouseRules):
    """The house rules, where the environment sets them."""

    risk_threshold: int = Field(default=POLICY.threshold, ge=0, le=SCORE_MAX)

    def policy(self) -> Policy:
        return Policy(self.risk_threshold)


service: Final = Service(
    name="risk",
    stream=BUYERS,
    state=Buyer,
    initial=Unregistered(),
    consumes=Consumes,
    publishes=Publishes,
    decide=partial(decide, policy=RiskRules.read().policy()),
    events=EVENTS,
    rows=(ScoredPayment,),
    linger_seconds=0.1,
)
