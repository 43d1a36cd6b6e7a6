"""What is watched: the dashboard and the alerts speak of metrics that there are, and of all of them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest

from agora.discovery import folders, service
from agora.metrics import METRICS, Metric, Metrics
from agora.papers.dashboard import panel_of
from console import observe

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "deploy/observe"
CASES = Path(__file__).with_name("alerts_test.yml")
PROMETHEUS_OWN = {"up", "ALERTS"}
WORDS = {"sum", "max", "count", "by", "or", "unless", "offset"}
KINDS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def read(name: str) -> Any:
    return yaml.safe_load((PLACE / name).read_text())


def metrics_in(expression: str) -> set[str]:
    """The metrics that a PromQL expression asks for."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)|\boffset \w+', " ", expression)
    return set(re.findall(r"\b[a-zA-Z_][\w:]*\b(?!\s*\()", bare)) - WORDS


def samples() -> set[str]:
    """The names of everything that any process exports, and that the door exports besides."""
    text = generate_latest(Metrics(service("buyer")).registry).decode()
    told = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    told += [(metric.name, metric.kind) for metric in (*observe.market_metrics(), *observe.BESIDE)]
    return {name + suffix for name, kind in told for suffix in KINDS.get(kind, ("",))}


SAMPLES = samples() | PROMETHEUS_OWN
PANELS: list[Any] = [panel for panel in json.loads(observe.page())["panels"] if panel["type"] != "row"]
ALERTS: list[Any] = [rule for group in read("alerts.yml")["groups"] for rule in group["rules"]]
SHOWN = {name for panel in PANELS for target in panel["targets"] for name in metrics_in(target["expr"])}


def test_the_names_of_metrics_are_found_in_an_expression() -> None:
    found = metrics_in(
        'histogram_quantile(0.5, sum by (a, le) (rate(x_bucket{b="c"}[5m]))) or vector(0) > y_z offset 1m'
    )
    assert found == {"x_bucket", "y_z"}


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_shows_what_is_exported(panel: Any) -> None:
    found = {name for target in panel["targets"] for name in metrics_in(target["expr"])}
    assert found
    assert found <= SAMPLES


@pytest.mark.parametrize("alert", ALERTS, ids=[alert["alert"] for alert in ALERTS])
def test_an_alert_asks_for_what_is_exported(alert: Any) -> None:
    assert metrics_in(alert["expr"])
    assert metrics_in(alert["expr"]) <= SAMPLES
    assert alert["annotations"]["summary"]


def test_the_dashboard_shows_every_metric() -> None:
    for metric in (*METRICS, *observe.market_metrics(), *observe.BESIDE):
        assert metric.name in SHOWN or f"{metric.name}_bucket" in SHOWN, f"{metric.name} is nowhere to be seen"


def test_the_dashboard_is_as_the_metrics_have_it() -> None:
    assert (ROOT / observe.DASHBOARD).read_text() == observe.page(), "write console.observe.page() anew"


def test_no_two_panels_lie_over_each_other() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in json.loads(observe.page())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells
        cells |= taken


def test_a_metric_is_shown_as_its_kind_asks() -> None:
    def shown(kind: Any, name: str = "agora_x", **more: Any) -> list[str]:
        return [
            query.expression for query in panel_of(Metric(name, kind, "help", ("partition", "target")), **more).queries
        ]

    assert shown("gauge") == ["sum by (service, target) (agora_x)"]
    assert shown("gauge", is_shared=True) == ["max by (service, target) (agora_x)"]
    assert shown("gauge", "agora_x_seconds") == ["max by (service, target) (agora_x_seconds)"]
    assert shown("counter") == ["sum by (service, target) (rate(agora_x[$__rate_interval]))"]
    assert shown("histogram") == [
        f"histogram_quantile({part}, sum by (service, target, le) (rate(agora_x_bucket[$__rate_interval])))"
        for part in (0.5, 0.99)
    ]


def test_every_process_that_works_without_end_is_asked() -> None:
    (job,) = read("prometheus.yml")["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) == {*folders(), "traces", "trader"}
    assert (found["type"], found["port"]) == ("A", 9090)


def test_the_cases_speak_of_every_alert() -> None:
    cases = yaml.safe_load(CASES.read_text())["tests"]
    fired = {case["alertname"] for test in cases for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {alert["alert"] for alert in ALERTS}


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="Prometheus' promtool is not here")


@needs_promtool
@pytest.mark.parametrize(
    "arguments", [("check", "config", PLACE / "prometheus.yml"), ("test", "rules", CASES)], ids=["config", "rules"]
)
def test_prometheus_itself_finds_no_fault(arguments: tuple[str | Path, ...]) -> None:
    promtool(*arguments)


@needs_promtool
def test_prometheus_can_read_what_the_panels_ask(tmp_path: Path) -> None:
    asked = [target["expr"].replace("$__rate_interval", "1m") for panel in PANELS for target in panel["targets"]]
    rules = [{"record": f"panel_{number}", "expr": expression} for number, expression in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", file)


def promtool(*arguments: str | Path) -> None:
    told = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)  # noqa: S607
    assert told.returncode == 0, told.stdout + told.stderr
