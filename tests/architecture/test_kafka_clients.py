"""Every client of Kafka gets in by the process's own login: none is made past it."""

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LOGIN: Final = ROOT / "libs" / "agora" / "login.py"
BY_REACH: Final = {"AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient", "AIOKafkaClient", "create_conn"}
BY_SECURITY: Final = {"KafkaBroker"}


def modules() -> list[Path]:
    return sorted(path for place in ("libs", "services") for path in (ROOT / place).rglob("*.py") if path != LOGIN)


def clients(source: str) -> list[tuple[str, bool]]:
    """Every client that a module makes, and whether it is made with the login."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [(call, ast.unparse(call.func).rpartition(".")[2]) for call in calls]
    return [(name, _gets_in(name, call)) for call, name in named if name in BY_REACH | BY_SECURITY]


def _gets_in(name: str, call: ast.Call) -> bool:
    if name in BY_SECURITY:
        return any(given.arg == "security" and ast.unparse(given.value) == "security()" for given in call.keywords)
    return any(given.arg is None and ast.unparse(given.value).startswith("reach(") for given in call.keywords)


def test_every_client_is_made_with_the_login() -> None:
    made = [(path.name, name, gets_in) for path in modules() for name, gets_in in clients(path.read_text("utf-8"))]
    assert {name for _, name, _ in made} >= {
        "AIOKafkaConsumer",
        "AIOKafkaProducer",
        "AIOKafkaAdminClient",
        "KafkaBroker",
    }
    assert [one for one in made if not one[2]] == []


def test_nobody_else_reads_the_variables_or_says_where_to_connect() -> None:
    words = ("bootstrap_servers", "sasl_", "security_protocol", "ssl_context")
    found = {path.name: [word for word in words if word in path.read_text("utf-8")] for path in modules()}
    assert {name: those for name, those in found.items() if those} == {}


@pytest.mark.parametrize(
    ("source", "gets_in"),
    [
        ("AIOKafkaProducer(**reach(address), acks='all')", True),
        ("aiokafka.AIOKafkaProducer(bootstrap_servers=address)", False),
        ("KafkaBroker(address, security=security())", True),
        ("KafkaBroker(address)", False),
        ("AIOKafkaAdminClient(**options)", False),
    ],
)
def test_a_client_past_the_login_is_noticed(source: str, gets_in: bool) -> None:  # noqa: FBT001
    assert [found for _, found in clients(source)] == [gets_in]
