"""Every service's canvas names exactly what its code consumes and publishes."""

import re
from pathlib import Path

import pytest

from agora.service import Service
from tests.services.bazaar import HEARS, SAYS, SERVICES

ROOT = Path(__file__).parents[2]


def named(canvas: str, heading: str) -> list[str]:
    """The events a section names, in its table's first column or in its text."""
    _, _, after = canvas.partition(f"## {heading}\n")
    section, _, _ = after.partition("\n## ")
    first = (row.split("|")[1] if row.startswith("|") else row for row in section.splitlines())
    return [name for text in first for name in re.findall(r"`([A-Z]\w+)`", text)]


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_a_canvas_names_what_the_code_hears_and_says(service: Service) -> None:
    canvas = (ROOT / "services" / service.name / "README.md").read_text(encoding="utf-8")
    for heading, events in (("Consumes", HEARS), ("Publishes", SAYS)):
        assert sorted(named(canvas, heading)) == sorted(event.__name__ for event in events[service.name])
