"""The concierge in a world that breaks, with a moody language model: every payment is confirmed exactly once."""

from collections import Counter
from dataclasses import replace
from functools import partial
from random import Random

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from agora.world import Faults, World
from market.ids import BuyerId, TransactionId
from market.messages import ConfirmationComposed
from market.money import Money
from market.shipments import ParcelLate
from market.streams import BUYERS
from market.transactions import PaymentSucceeded
from services.concierge.app import service
from services.concierge.decide import decide
from services.concierge.goodwill import POLICY
from services.concierge.model import wording
from services.concierge.rows import Confirmation
from services.concierge.state import Known
from tests.services.words import NOW, S

FAULTS = Faults(crash=0.02, lost_answer=0.02, redelivery=0.1)
ORDERS = 30
ANSWERS = ("Thanks, it is paid.", "", "<b>1000 GBP for you!</b>", "x" * 9_000)


def moody(seed: int) -> FunctionModel:
    """A model that answers well, badly or not at all."""
    chance = Random(seed)  # noqa: S311 - a seeded model, not a secret

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        del messages, info
        if chance.random() < 0.3:
            raise ConnectionError("nobody there")
        return ModelResponse(parts=[TextPart(chance.choice(ANSWERS))])

    return FunctionModel(answer)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_breaks_every_payment_is_confirmed_once(seed: int) -> None:
    asking = replace(
        service, decide=partial(decide, policy=replace(POLICY, by_model=True)), activities=(wording(moody(seed)),)
    )
    world = World([asking], seed, FAULTS)
    for number in range(ORDERS):
        buyer, order = BuyerId(world.chance.choice("abcd")), TransactionId(f"T-{number}")
        if world.chance.random() < 0.3:
            late = TransactionId(f"L-{number}")
            world.tell(ParcelLate(transaction=late, buyer=buyer, seller=S, promised_at=NOW))
        world.tell(PaymentSucceeded(transaction=order, buyer=buyer, total=Money(2_000, "GBP"), products=(), shares=()))
        if world.chance.random() < 0.3:
            await world.run()
    await world.calm()
    house = world.houses["concierge"]
    said = [kind for kind, _ in world.told(BUYERS.name) if kind == ConfirmationComposed.wire_name]
    written = [row for row in house.store.appended[Confirmation] if isinstance(row, Confirmation)]
    assert len(said) == ORDERS
    assert Counter(row.transaction for row in written) == Counter(f"T-{number}" for number in range(ORDERS))
    assert {row.by_model for row in written} == {True, False}
    for name in "abcd":
        known = house.state(name)
        given = [row.voucher_minor for row in written if row.buyer == name and row.voucher_minor]
        assert isinstance(known, Known)
        assert known.waiting == ()
        assert (known.vouchers, known.goodwill_minor) == (len(given), sum(given))
        assert known.vouchers <= POLICY.vouchers_max
