"""Hides frauds among honest orders. One seed gives one scene."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from console.orders import Order
from market.buyers import Mandate
from tests.fraud.frauds import TAKEOVER_HISTORY, burst, mules, takeovers
from tests.fraud.honest import honest, mandates, refused_rightly
from tests.fraud.scene import Purchase, Scene

EACH = 10
"""So many frauds of each of the three kinds: thirty in all."""
ROOM = 1.5


def planted(orders: Sequence[Order], seed: int, each: int = EACH) -> Scene:
    """Plant as many frauds of each kind among these orders. Raise ValueError where too few buyers have habits."""
    habits = sum(count >= TAKEOVER_HISTORY for count in Counter(order.buyer for order in orders).values())
    if habits < max(1, each):
        raise ValueError(f"{habits} buyers with {TAKEOVER_HISTORY} orders or more: too few for {each} takeovers")
    chance = Random(seed)  # noqa: S311 - repeatable on purpose
    purchases = honest(orders, chance)
    limits = mandates(purchases, chance)
    purchases = [refused_rightly(purchase, limits) for purchase in purchases]
    for number in range(each):
        purchases += burst(number, orders, limits, chance)
        purchases += mules(number, orders, limits, chance)
    purchases += takeovers(each, orders, limits, chance)
    in_time = sorted(purchases, key=lambda purchase: purchase.order.ordered_at)
    return Scene(tuple(in_time), _roomy(limits, in_time))


def _roomy(limits: dict[str, Mandate], purchases: Sequence[Purchase]) -> dict[str, Mandate]:
    """Leave everyone room in all for what is paid, since it was: what is spent of it is no sign of a fraud."""
    paid = Counter[str]()
    for purchase in purchases:
        if purchase.ended is None:
            paid[purchase.order.buyer] += purchase.order.total_minor
    return {
        buyer: replace(mandate, total_limit_minor=max(mandate.total_limit_minor, round(ROOM * paid[buyer])))
        for buyer, mandate in limits.items()
    }
