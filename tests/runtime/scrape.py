"""Ask a watched process as a monitor would."""

import asyncio
import json
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

SECONDS_MAX = 20


class Page(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str

    @property
    def said(self) -> Any:
        return json.loads(self.body)


def visit(url: str, path: str, method: str = "GET") -> Page:
    """Ask, and wait for the answer in this thread."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=SECONDS_MAX)
    try:
        connection.request(method, path)
        answer: HTTPResponse = connection.getresponse()
        return Page(answer.status, dict(answer.getheaders()), answer.read().decode())
    finally:
        connection.close()


async def ask(url: str, path: str, method: str = "GET") -> Page:
    """Ask from another thread, so that the loop goes on."""
    return await asyncio.to_thread(visit, url, path, method)


def numbers(exposed: str) -> dict[str, float]:
    """Every sample of ours as the text has it, without the label that all share: ``name{label=value}``."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(exposed):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sample.labels.items() if name != "service")
            if sample.name.startswith("agora_") and "le" not in sample.labels:
                found[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return found


def exposed(registry: CollectorRegistry) -> dict[str, float]:
    """What a registry exports now."""
    return numbers(generate_latest(registry).decode())
