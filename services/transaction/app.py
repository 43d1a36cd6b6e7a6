"""The transaction service."""

from datetime import timedelta
from functools import partial
from os import environ
from typing import Final

from agora.service import Service
from market.catalogue import EVENTS
from market.streams import TRANSACTIONS
from services.transaction.decide import POLICY, Consumes, Policy, Publishes, decide
from services.transaction.rows import LedgerEntry
from services.transaction.state import Transaction, Unopened


def _policy() -> Policy:
    """Take the house rules from the environment, where it sets them."""
    return Policy(
        time_limit=_seconds("AGORA_TIME_LIMIT_SECONDS", POLICY.time_limit),
        fee_basis_points=int(environ.get("AGORA_FEE_BASIS_POINTS", POLICY.fee_basis_points)),
    )


def _seconds(name: str, default: timedelta) -> timedelta:
    return timedelta(seconds=float(environ.get(name, default.total_seconds())))


service: Final = Service(
    name="transaction",
    stream=TRANSACTIONS,
    state=Transaction,
    initial=Unopened(),
    consumes=Consumes,
    publishes=Publishes,
    decide=partial(decide, policy=_policy()),
    events=EVENTS,
    rows=(LedgerEntry,),
)
