"""A Grafana dashboard made of the metrics that are exported, so that none is missing and none is spelled wrongly."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from agora.metrics import Metric

WIDTH: Final = 24  # of Grafana's grid
STAT_HEIGHT: Final = 4
PANEL_HEIGHT: Final = 7
PANELS_PER_ROW: Final = 3
SCHEMA: Final = 39
QUANTILES: Final = (0.5, 0.99)
SOURCE: Final = {"type": "prometheus", "uid": "prometheus"}
SUMMED_UP: Final = frozenset({"partition"})
"""Labels with too many values for a picture."""
UNITS: Final = {"_seconds": "s", "_bytes": "bytes"}


class Query(NamedTuple):
    """A PromQL expression and how its lines are named."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """One picture, or with ``is_alarm`` one number that is red above 0."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str = "short"
    is_alarm: bool = False


class Section(NamedTuple):
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


def panel_of(metric: Metric, *, is_shared: bool = False) -> Panel:
    """The picture of one metric. Of a shared one, every process tells the same; others are summed over processes."""
    labels = ("service", *(label for label in metric.labels if label not in SUMMED_UP))
    by, legend = ", ".join(labels), " ".join(f"{{{{{label}}}}}" for label in labels)
    unit = next((unit for suffix, unit in UNITS.items() if metric.name.endswith(suffix)), "short")
    title = metric.name.removeprefix("agora_").removesuffix("_total").replace("_", " ")
    if metric.kind == "counter":
        rate = Query(f"sum by ({by}) (rate({metric.name}[$__rate_interval]))", legend)
        return Panel(f"{title}, per second", metric.help, (rate,), "ops")
    if metric.kind == "histogram":
        buckets = f"sum by ({by}, le) (rate({metric.name}_bucket[$__rate_interval]))"
        parts = (Query(f"histogram_quantile({part}, {buckets})", f"{legend} p{part * 100:g}") for part in QUANTILES)
        return Panel(title, metric.help, tuple(parts), unit)
    how = "max" if is_shared or unit == "s" else "sum"
    return Panel(title, metric.help, (Query(f"{how} by ({by}) ({metric.name})", legend),), unit)


def dashboard(title: str, uid: str, sections: Sequence[Section]) -> str:
    """The dashboard as the JSON that Grafana reads from a file."""
    panels = [{"id": number, **panel} for number, panel in enumerate(_placed(sections), 1)]
    whole: dict[str, Any] = {
        "uid": uid,
        "title": title,
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "tags": ["agora"],
        "panels": panels,
    }
    return json.dumps(whole, indent=2) + "\n"


def _placed(sections: Sequence[Section]) -> Iterator[dict[str, Any]]:
    """Rows and panels, from left to right and downwards."""
    top = 0
    for section in sections:
        yield {"type": "row", "title": section.title, "collapsed": False, "gridPos": _place(0, top, WIDTH, 1)}
        top += 1
        stats = [panel for panel in section.panels if panel.is_alarm]
        pictures = [panel for panel in section.panels if not panel.is_alarm]
        for panels, per_row, height in ((stats, len(stats), STAT_HEIGHT), (pictures, PANELS_PER_ROW, PANEL_HEIGHT)):
            for number, panel in enumerate(panels):
                width = WIDTH // per_row
                place = _place(number % per_row * width, top + number // per_row * height, width, height)
                yield _panel(panel, place)
            top += -(-len(panels) // per_row) * height if panels else 0


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.is_alarm:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": 0.000001}]
        defaults |= {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": steps}}
    return {
        "type": "stat" if panel.is_alarm else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"colorMode": "background", "reduceOptions": {"calcs": ["lastNotNull"]}} if panel.is_alarm else {},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
            }
            for number, query in enumerate(panel.queries)
        ],
    }


def _place(left: int, top: int, width: int, height: int) -> dict[str, int]:
    return {"x": left, "y": top, "w": width, "h": height}
