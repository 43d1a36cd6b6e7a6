"""Whoever is woken by an alert finds a page that says what to do."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operate.md"
ALERTS = ROOT / "deploy" / "observe" / "alerts.yml"


def test_every_alert_has_its_heading_and_every_heading_its_alert() -> None:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    section = PAGE.read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    headings = [line.removeprefix("### ") for line in section.splitlines() if line.startswith("### ")]
    assert headings == alerts
    for text in section.split("\n### ")[1:]:
        assert len(text.partition("\n")[2].split()) > 20  # more than a word of comfort
