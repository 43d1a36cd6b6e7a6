"""The command ``export-traces``."""

from typing import Final

from agora import discovery
from agora.logs import log_as_json
from agora.settings import Settings
from console.cli import Json, run_command
from console.output import Out

NAME: Final = "traces"


def export_traces(*, as_json: Json = False) -> None:
    """Send every record of the log to the OpenTelemetry collector at AGORA_OTLP, as spans, until told to stop.

    It needs AGORA_KAFKA and no database, keeps its place in Kafka, and logs JSON lines on standard error.
    """

    async def work(_: Settings, out: Out) -> int:
        from agora import tracing  # noqa: PLC0415 - it brings in what no other command needs

        settings = tracing.TracingSettings.read()
        kafka, collector = settings.addresses()
        log_as_json(NAME)
        exporter = tracing.Exporter(kafka, settings.namespace, discovery.streams(), collector)
        await tracing.export_traces(exporter)
        counts = exporter.counts
        out.result(
            {"exported": counts.exported, "unreadable": counts.unreadable, "refused": counts.refused}, lambda _: None
        )
        return 0

    run_command(work, as_json=as_json)
