"""The transaction service."""

from datetime import timedelta
from functools import partial
from typing import Final

from pydantic import Field

from agora.service import Service
from agora.settings import HouseRules
from market.catalogue import EVENTS
from market.streams import TRANSACTIONS
from services.transaction.decide import POLICY, Consumes, Policy, Publishes, decide
from services.transaction.ledger import BASIS_POINTS
from services.transaction.rows import LedgerEntry
from services.transaction.state import Transaction, Unopened

TIME_LIMIT_SECONDS_MAX: Final = 366 * 86_400


class TransactionRules(HouseRules):
    """The house rules, where the environment sets them."""

    time_limit_seconds: float = Field(default=POLICY.time_limit.total_seconds(), ge=0, le=TIME_LIMIT_SECONDS_MAX)
    fee_basis_points: int = Field(default=POLICY.fee_basis_points, ge=0, le=BASIS_POINTS)

    def policy(self) -> Policy:
        return Policy(timedelta(seconds=self.time_limit_seconds), self.fee_basis_points)


service: Final = Service(
    name="transaction",
    stream=TRANSACTIONS,
    state=Transaction,
    initial=Unopened(),
    consumes=Consumes,
    publishes=Publishes,
    decide=partial(decide, policy=TransactionRules.read().policy()),
    events=EVENTS,
    rows=(LedgerEntry,),
)
