"""The planted frauds are what they are said to be, and hidden among buyers who are no angels."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta

import pytest

from console.generator import generate
from tests.fraud.planting import EACH, planted
from tests.fraud.scene import REFUSED, Attack, Purchase, Scene

ORDERS = generate(7).orders
SCENE = planted(ORDERS, seed=7)
Grouped = dict[Attack, list[Purchase]]


def attacks(kind: str, scene: Scene = SCENE) -> Grouped:
    """The purchases of each attack of a kind, in order of time."""
    grouped: defaultdict[Attack, list[Purchase]] = defaultdict(list)
    for purchase in scene.purchases:
        if purchase.attack and purchase.attack.kind == kind:
            grouped[purchase.attack].append(purchase)
    return grouped


def honest(of: Callable[[Purchase], bool]) -> int:
    return sum(of(purchase) for purchase in SCENE.purchases if purchase.attack is None)


def test_one_seed_plants_one_scene_and_another_seed_another() -> None:
    assert planted(ORDERS, seed=7) == SCENE
    assert planted(ORDERS, seed=8) != SCENE


def test_thirty_frauds_are_planted_ten_of_each_kind() -> None:
    kinds = Counter(attack.kind for attack in {one.attack for one in SCENE.purchases if one.attack})
    assert kinds == {"burst": EACH, "takeover": EACH, "mules": EACH}


def test_no_order_is_lost_and_no_two_share_an_id() -> None:
    ids = [purchase.order.id for purchase in SCENE.purchases]
    assert len(set(ids)) == len(ids)
    assert {order.id for order in ORDERS} <= set(ids)


def test_purchases_come_in_order_of_time() -> None:
    instants = [purchase.order.ordered_at for purchase in SCENE.purchases]
    assert instants == sorted(instants)


def test_no_payment_is_above_its_mandate_since_it_would_not_succeed() -> None:
    spent = Counter[str]()
    for purchase in SCENE.purchases:
        order, mandate = purchase.order, SCENE.mandates[purchase.order.buyer]
        assert (order.total_minor > mandate.order_limit_minor) == (purchase.ended == REFUSED), purchase
        if purchase.ended is None:
            spent[order.buyer] += order.total_minor
    above = [buyer for buyer, amount in spent.items() if amount > SCENE.mandates[buyer].total_limit_minor]
    assert above == []


def test_a_burst_is_many_orders_of_one_buyer_within_minutes() -> None:
    for burst in attacks("burst").values():
        assert len(burst) >= 8
        assert len({one.order.buyer for one in burst}) == 1
        assert burst[-1].order.ordered_at - burst[0].order.ordered_at <= timedelta(minutes=12)
        assert [one.covert for one in burst] == [True] * 4 + [False] * (len(burst) - 4)


def test_a_takeover_follows_an_honest_life_with_another_card_at_other_sellers() -> None:
    for takeover in attacks("takeover").values():
        (buyer,) = {one.order.buyer for one in takeover}
        before = [one for one in SCENE.purchases if one.order.buyer == buyer and one.attack is None and not one.ended]
        known = {line.seller for one in before for line in one.order.lines}
        assert len([one for one in before if one.order.ordered_at < takeover[0].order.ordered_at]) >= 3
        assert {one.token for one in before}.isdisjoint(one.token for one in takeover)
        assert {line.seller for one in takeover for line in one.order.lines}.isdisjoint(known)


def test_mules_pass_nearly_the_same_amount_to_one_seller_just_under_their_limits() -> None:
    for chain in attacks("mules").values():
        payments = [one for one in chain if not one.covert]
        totals = [one.order.total_minor for one in payments]
        buyers = {one.order.buyer for one in chain}
        assert len(buyers) >= 3
        assert len({line.seller for one in payments for line in one.order.lines}) == 1
        assert max(totals) <= 1.03 * min(totals)
        assert {SCENE.mandates[buyer].order_limit_minor for buyer in buyers} == {
            SCENE.mandates[payments[0].order.buyer].order_limit_minor
        }
        assert min(totals) >= 0.85 * SCENE.mandates[payments[0].order.buyer].order_limit_minor
        assert not any(one.attack is None and one.order.buyer in buyers for one in SCENE.purchases)


def test_honest_buyers_do_by_chance_what_thieves_do_on_purpose() -> None:
    assert honest(lambda one: one.ended is not None) > 20
    assert honest(lambda one: one.token.endswith("_1")) > 50
    assert honest(lambda one: "-present" in one.order.id) == 4
    assert honest(lambda one: "-part" in one.order.id) >= 16
    assert honest(lambda one: "-more" in one.order.id) > 30


def test_where_too_few_buyers_have_habits_nothing_is_planted() -> None:
    with pytest.raises(ValueError, match="too few for 10 takeovers"):
        planted(ORDERS[:60], seed=1)
