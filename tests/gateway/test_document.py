"""The document says what the API does: requests made up from it find no difference."""

import asyncio
import sys
from pathlib import Path

from services.gateway.http.api import create_app
from services.gateway.http.asks import ASKS
from tests.gateway.conftest import OPERATOR, Gateway

EXAMPLES_MAX = 5
DOCUMENT = create_app(1_000_000).openapi()


def test_it_is_an_openapi_document_with_an_example_of_everything_that_can_be_asked() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    for ask in ASKS:
        operation = DOCUMENT["paths"][ask.path][ask.method.lower()]
        if ask.example:
            body = operation["requestBody"]["content"]["application/json"]
            assert body["example"] == ask.example
            assert body["schema"]["$ref"].rpartition("/")[2] in DOCUMENT["components"]["schemas"]
        assert {"202", "401", "403", "409", "422", "429", "503"} <= operation["responses"].keys()


def test_whatever_takes_a_key_takes_a_token_as_well() -> None:
    assert DOCUMENT["components"]["securitySchemes"]["Token"]["bearerFormat"] == "JWT"
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            assert operation["security"] == [{"API key": []}, {"Token": []}]


async def test_requests_made_up_from_it_are_answered_as_it_says(gateway: Gateway, tmp_path: Path) -> None:
    tester = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", f"{gateway.url}/openapi.json",
        "--header", f"Authorization: Bearer {OPERATOR}", "--exclude-path", "/v1/live",  # which never ends
        "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES_MAX), "--seed", "1",
        "--rate-limit", "250/s", "--generation-database", "none", "--request-timeout", "20", "--no-color",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await tester.communicate()
    assert tester.returncode == 0, output.decode()
