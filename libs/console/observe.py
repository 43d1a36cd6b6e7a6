"""What is watched of the whole marketplace, and the dashboard that shows it: generated, since metrics come and go."""

from importlib import import_module
from typing import Final

from agora.metrics import LAG_SECONDS, METRICS, OUTBOX_SECONDS, PARKED_AGENTS, Metric
from agora.papers.dashboard import Panel, Query, Section, dashboard, panel_of
from agora.tracing_watch import TRACING_METRICS
from console.operate import door
from console.trader_watch import TRADER_METRICS

DASHBOARD: Final = "deploy/observe/grafana/dashboards/agora.json"
UID: Final = "agora"
PROCESSES: Final = (
    Panel(
        "memory",
        "Resident memory of each process.",
        (Query("sum by (container, instance) (process_resident_memory_bytes)", "{{container}} {{instance}}"),),
        "bytes",
    ),
    Panel(
        "processor",
        "Cores that each process keeps busy.",
        (Query("sum by (container, instance) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{container}}"),),
    ),
    Panel("up", "Processes of each container that answer.", (Query("sum by (container) (up)", "{{container}}"),)),
)
BESIDE: Final = (*TRACING_METRICS, *TRADER_METRICS)
"""What is exported by processes that are no services."""
ALARMS: Final = (
    Panel(
        "alerts", "Alerts that fire.", (Query('count(ALERTS{alertstate="firing"}) or vector(0)', ""),), is_alarm=True
    ),
    Panel(
        "agents parked",
        PARKED_AGENTS.help,
        (Query(f"sum({PARKED_AGENTS.name}) or vector(0)", ""),),
        is_alarm=True,
    ),
)


def market_metrics() -> tuple[Metric, ...]:
    """What the door exports of the marketplace besides what any process does: ``figures.py`` beside its front."""
    front, _, _ = door().front.rpartition(".")
    return tuple(import_module(f"{front}.figures").BUSINESS_METRICS)


def page() -> str:
    """The dashboard's file."""
    oldest = (
        Panel(f"{words}, longest", metric.help, (Query(f"max({metric.name})", ""),), "s")
        for words, metric in (("waiting in an outbox", OUTBOX_SECONDS), ("not heard yet", LAG_SECONDS))
    )
    sections = (
        Section("At a glance", (*ALARMS, *oldest)),
        Section("The marketplace", [panel_of(metric, is_shared=True) for metric in market_metrics()]),
        Section("Services", [panel_of(metric) for metric in METRICS]),
        Section("Traces and the trader", [panel_of(metric) for metric in BESIDE]),
        Section("Processes", PROCESSES),
    )
    return dashboard("Agora", UID, sections)
