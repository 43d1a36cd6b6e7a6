"""The command ``export-traces``."""

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from agora import discovery
from agora.logs import log_as_json
from agora.settings import Settings
from console.cli import Json, run_command
from console.output import Failure, Out

if TYPE_CHECKING:
    from agora.tracing import Exporter

NAME: Final = "traces"


def export_traces(*, as_json: Json = False) -> None:
    """Send every record of the log to the OpenTelemetry collector at AGORA_OTLP, as spans, until told to stop.

    It needs AGORA_KAFKA and no database, keeps its place in Kafka, logs JSON lines on standard error, and shows its
    probes and metrics at AGORA_WATCH.
    """

    async def work(_: Settings, out: Out) -> int:
        from agora import tracing  # noqa: PLC0415 - it brings in what no other command needs

        settings = tracing.TracingSettings.read()
        kafka, collector = settings.addresses()
        log_as_json(NAME)
        exporter = tracing.Exporter(kafka, settings.namespace, discovery.streams(), collector)
        async with _watched(exporter, settings.watch):
            await tracing.export_traces(exporter)
        counts = exporter.counts
        out.result(
            {"exported": counts.exported, "unreadable": counts.unreadable, "refused": counts.refused}, lambda _: None
        )
        return 0

    run_command(work, as_json=as_json, told=0)


def _watched(exporter: "Exporter", at: str | None) -> AbstractAsyncContextManager[Any]:
    """Show the exporter to others while this lasts."""
    if at is None:
        return nullcontext()
    from agora.shown import WatchError  # noqa: PLC0415 - who is not watched does not carry it
    from agora.tracing_watch import open_tracing_watch  # noqa: PLC0415 - the same

    try:
        return open_tracing_watch(exporter, at)
    except WatchError as error:
        raise Failure(str(error)) from None
