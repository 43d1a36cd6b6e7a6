"""Plays a scene to risk's decision, as its log would have it, and counts what it finds. No server, no clock."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from agora.event import Event
from console.orders import Order
from market.buyers import BuyerRegistered, CheckOut, Mandate, OrderRefused, RegisterBuyer
from market.ids import BuyerId, ProductId, SellerId, TransactionId
from market.lines import Line, Payment, by_seller
from market.money import AMOUNT_MINOR_MAX, Money
from market.risks import TransactionFlagged
from market.transactions import PaymentSucceeded, Share, TransactionCancelled
from services.risk.decide import POLICY, Policy, decide
from services.risk.state import Buyer, Unregistered
from tests.fraud.scene import REFUSED, Purchase, Scene

NOW = datetime(2030, 1, 1, tzinfo=UTC)
"""A scene is replayed long after it happened: only ``ordered_at`` says when."""
CURRENCY = "GBP"
AMPLE = Mandate(AMOUNT_MINOR_MAX, AMOUNT_MINOR_MAX)


@dataclass(frozen=True, slots=True)
class Found:
    """Payments and whole attacks, planted and found. An attack is found if one of its payments is flagged.

    ``overt`` are the payments that do not look like anybody's.
    """

    payments: int
    flagged: int
    overt: int
    overt_flagged: int
    attacks: int
    attacks_flagged: int

    @property
    def recall(self) -> float:
        """The part of the payments that were flagged."""
        return self.flagged / self.payments if self.payments else 1.0

    @property
    def recall_of_overt(self) -> float:
        """The part of the payments that were flagged, of those that can be told at all."""
        return self.overt_flagged / self.overt if self.overt else 1.0

    @property
    def recall_by_attack(self) -> float:
        """The part of the attacks that were noticed."""
        return self.attacks_flagged / self.attacks if self.attacks else 1.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was flagged of a scene, rightly and wrongly.

    Every payment of an attack counts as fraud: also a burst's first ones and small tries of a card, which nobody can
    tell from honest ones. So recall stays below 1; the recall of what is overt, and that by attack, leave them out.
    """

    honest_payments: int
    honest_flagged: int
    frauds: Found
    by_kind: dict[str, Found]

    @property
    def precision(self) -> float:
        """The part of the flagged payments that are frauds."""
        flagged = self.frauds.flagged + self.honest_flagged
        return self.frauds.flagged / flagged if flagged else 1.0


def evaluate(scene: Scene, policy: Policy = POLICY) -> Evaluation:
    """Play a scene and count."""
    flagged = flagged_in(scene, policy)
    paid = [purchase for purchase in scene.purchases if purchase.ended is None]
    honest = [purchase for purchase in paid if purchase.attack is None]
    frauds = [purchase for purchase in paid if purchase.attack is not None]
    kinds = sorted({purchase.attack.kind for purchase in frauds if purchase.attack})
    return Evaluation(
        len(honest),
        sum(purchase.order.id in flagged for purchase in honest),
        _found(frauds, flagged),
        {kind: _found([one for one in frauds if one.attack and one.attack.kind == kind], flagged) for kind in kinds},
    )


def flagged_in(scene: Scene, policy: Policy = POLICY) -> Counter[str]:
    """The orders whose payment was flagged."""
    buyers: dict[str, Buyer] = {}
    flagged = Counter[str]()
    for purchase in scene.purchases:
        buyer = purchase.order.buyer
        events = _events(purchase)
        if buyer not in buyers:
            events = (*_registration(buyer, scene.mandates.get(buyer, AMPLE)), *events)
        state = buyers.get(buyer, Unregistered())
        for event in events:
            decision = decide(state, event, NOW, policy)  # pyright: ignore[reportArgumentType] - one that it hears
            state = decision.state or state
            flagged.update(said.transaction for said in decision.publishes if isinstance(said, TransactionFlagged))
        buyers[buyer] = state
    return flagged


def as_traded(orders: Sequence[Order]) -> Scene:
    """The orders as ``agora demo`` trades a file: one token for all, and no limits to speak of."""
    in_time = sorted(orders, key=lambda order: order.ordered_at)
    return Scene(tuple(Purchase(order, "tok_file") for order in in_time), {})


def _found(frauds: Sequence[Purchase], flagged: Counter[str]) -> Found:
    seen = [purchase for purchase in frauds if purchase.order.id in flagged]
    return Found(
        payments=len(frauds),
        flagged=len(seen),
        overt=sum(not purchase.covert for purchase in frauds),
        overt_flagged=sum(not purchase.covert for purchase in seen),
        attacks=len({purchase.attack for purchase in frauds}),
        attacks_flagged=len({purchase.attack for purchase in seen}),
    )


def _registration(name: str, mandate: Mandate) -> tuple[Event, ...]:
    buyer, budget = BuyerId(name), mandate.total_limit_minor
    asked = RegisterBuyer(buyer=buyer, currency=CURRENCY, budget_minor=budget, mandate=mandate)
    return asked, BuyerRegistered(buyer=buyer, budget=Money(budget, CURRENCY))


def _events(purchase: Purchase) -> tuple[Event, ...]:
    """The checkout, and what the buyer's stream says becomes of it."""
    return tuple(_told(purchase))


def _told(purchase: Purchase) -> Iterator[Event]:
    order = purchase.order
    buyer, transaction = BuyerId(order.buyer), TransactionId(order.id)
    lines = tuple(
        Line(ProductId(line.product), 1, SellerId(line.seller), line.quantity, line.price_minor) for line in order.lines
    )
    yield CheckOut(
        buyer=buyer,
        order=transaction,
        lines=lines,
        currency=CURRENCY,
        payment=Payment("credit", 1, purchase.token),
        ordered_at=order.ordered_at,
    )
    products = tuple(dict.fromkeys(line.product for line in lines))
    if purchase.ended == REFUSED:
        yield OrderRefused(buyer=buyer, order=transaction, reason=purchase.ended)
    elif purchase.ended is not None:
        yield TransactionCancelled(transaction=transaction, buyer=buyer, reason=purchase.ended, products=products)
    else:
        shares = tuple(Share(seller, amount) for seller, amount in by_seller(lines).items())
        total = Money(order.total_minor, CURRENCY)
        yield PaymentSucceeded(transaction=transaction, buyer=buyer, total=total, products=products, shares=shares)
