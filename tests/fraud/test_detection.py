"""How much of the planted fraud risk finds. The rules were tuned on seeds 1 to 5; these are others."""

from pathlib import Path

import pytest

from bench.fraud import DATA, SEEDS, report
from console.generator import generate
from console.retail import read_orders
from services.risk.decide import Policy
from tests.fraud.evaluation import Evaluation, Found, as_traded, evaluate, flagged_in
from tests.fraud.planting import planted
from tests.fraud.scene import Scene

TUNED_ON = range(1, 6)


def scene(seed: int) -> Scene:
    return planted(generate(seed).orders, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_nearly_every_fraud_is_noticed_and_nearly_everything_flagged_is_one(seed: int) -> None:
    found = evaluate(scene(seed))
    assert found.frauds.attacks == 30
    assert found.frauds.recall_by_attack >= 0.9
    assert found.precision >= 0.85
    assert found.frauds.recall >= 0.6
    assert found.frauds.recall_of_overt >= 0.85
    assert found.honest_flagged <= 0.015 * found.honest_payments


def test_figures_are_reported_on_seeds_the_rules_were_not_tuned_on() -> None:
    assert not {*SEEDS} & {*TUNED_ON}


def test_a_lower_threshold_finds_no_less_and_at_the_highest_next_to_nothing_is_flagged() -> None:
    any_scene = scene(SEEDS[0])
    frauds = [evaluate(any_scene, Policy(threshold)).frauds.flagged for threshold in (0, 30, 50, 70, 100)]
    assert frauds == sorted(frauds, reverse=True)
    assert frauds[0] == evaluate(any_scene).frauds.payments
    assert frauds[-1] < 0.1 * frauds[0]


def test_nothing_is_found_where_nothing_is_planted() -> None:
    untouched = evaluate(planted(generate(SEEDS[0]).orders, SEEDS[0], each=0))
    assert untouched.frauds == Found(0, 0, 0, 0, 0, 0)
    assert untouched.precision == 0
    assert evaluate(as_traded(())) == Evaluation(0, 0, Found(0, 0, 0, 0, 0, 0), {})
    assert evaluate(as_traded(())).precision == 1


def test_a_replayed_book_is_scored_by_when_its_orders_were_made() -> None:
    orders = generate(SEEDS[0]).orders
    assert len(flagged_in(as_traded(orders))) <= 0.005 * len(orders)


@pytest.mark.skipif(not DATA.exists(), reason="the real month is not at hand")
def test_among_the_orders_of_a_real_month_fraud_is_found_as_well() -> None:
    orders = read_orders(DATA).orders
    found = evaluate(planted(orders, SEEDS[0]))
    assert found.frauds.recall_by_attack >= 0.9
    assert found.precision >= 0.8
    assert len(flagged_in(as_traded(orders))) <= 0.005 * len(orders)


def test_the_report_adds_up_and_can_be_read(tmp_path: Path) -> None:
    told = report(tmp_path / "missing.csv.gz", seeds=SEEDS[:2])
    assert [figures.orders for figures in told.figures] == ["made-up orders"]
    (figures,) = told.figures
    alone = [evaluate(scene(seed)) for seed in SEEDS[:2]]
    flagged = sum(one.frauds.flagged for one in alone)
    assert figures.honest_flagged == sum(one.honest_flagged for one in alone)
    assert figures.precision == flagged / (flagged + figures.honest_flagged)
    assert figures.recall == flagged / sum(one.frauds.payments for one in alone)
    assert told.as_json()["figures"][0]["recall_by_attack"] == figures.recall_by_attack
    assert told.table().row_count == len(figures.rows())
