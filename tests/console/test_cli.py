import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agora import discovery
from console.main import app

COMMANDS = (
    "demo",
    "up",
    "down",
    "status",
    "run",
    "migrate",
    "trade",
    "audit",
    "story",
    "flagged",
    "clear",
    "reject",
    "review",
    "message",
    "parked",
    "redrive",
    "skip",
    "access",
    "key",
    "topics",
    "await",
    "docs",
    "grants",
    "recover",
    "export-traces",
)
GROUPS = {"contracts": ("freeze", "check", "diff", "list", "push")}
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
NEEDS_A_MARKET = (
    ("status",),
    ("audit",),
    ("story", "536365"),
    ("flagged",),
    ("clear", "536365"),
    ("reject", "536365", "--reason", "stolen card"),
    ("review", "17850", "536365", "Lovely.", "--rating", "5"),
    ("message", "17850", "Where is my parcel?"),
    ("parked",),
    ("redrive", "buyer/1"),
    ("skip", "buyer/1"),
)


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AGORA_KAFKA", "AGORA_POSTGRES", "AGORA_DATABASE", "AGORA_NAMESPACE", "AGORA_PARTITIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AGORA_HOME", str(tmp_path / "home"))


def agora(*arguments: str) -> tuple[int, str, str]:
    """Run a command; return its exit code, standard output and standard error."""
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_every_command_is_listed_in_the_order_of_use() -> None:
    code, output, _ = agora("--help")
    listed = [line.split()[0] for line in output.partition("Commands:")[2].splitlines() if line.strip()]
    assert code == 0
    assert tuple(listed) == (*COMMANDS, *GROUPS)


@pytest.mark.parametrize(
    "command",
    [*((name,) for name in COMMANDS), *((group, name) for group, names in GROUPS.items() for name in names)],
    ids=" ".join,
)
def test_every_command_has_help_and_json(command: tuple[str, ...]) -> None:
    code, output, _ = agora(*command, "--help")
    assert code == 0
    assert "--json" in output


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("trade",),
        ("run",),
        ("demo", "--orders", "0"),
        ("demo", "--stock-factor", "-1"),
        ("demo", "--review", "maybe"),
        ("up", "now"),
        ("reject", "536365"),
        ("review", "17850", "536365", "Lovely."),
        ("review", "17850", "536365", "Lovely.", "--rating", "many"),
    ],
)
def test_a_usage_error_exits_with_2(arguments: tuple[str, ...]) -> None:
    assert agora(*arguments)[0] == 2


@pytest.mark.parametrize("arguments", NEEDS_A_MARKET)
def test_without_a_market_a_command_says_how_to_start_one(arguments: tuple[str, ...]) -> None:
    code, output, error = agora(*arguments)
    assert code == 1
    assert output == ""
    assert "agora up" in error


@pytest.mark.parametrize("arguments", NEEDS_A_MARKET)
def test_with_json_an_error_is_one_json_object(arguments: tuple[str, ...]) -> None:
    code, output, _ = agora(*arguments, "--json")
    assert code == 1
    assert "agora up" in json.loads(output)["error"]


@pytest.mark.parametrize("command", [("trade", "{}"), ("demo", "--file", "{}")])
def test_a_missing_file_is_one_clear_error(command: tuple[str, ...], tmp_path: Path) -> None:
    missing = tmp_path / "orders.csv"
    code, _, error = agora(*(part.format(missing) for part in command))
    assert code == 1
    assert f"{missing} does not exist" in error
    assert "Traceback" not in error


def test_a_file_that_is_no_order_file_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("a,b,c\n1,2,3\n")
    code, _, error = agora("trade", str(file))
    assert code == 1
    assert HEADER.strip() in error.replace("\n", "")


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_KAFKA", "nonsense")
    code, output, _ = agora("status", "--json")
    assert code == 1
    assert "AGORA_KAFKA" in json.loads(output)["error"]


@pytest.mark.parametrize("arguments", [("clear", "5" * 101), ("clear", ""), ("message", "17850", "x" * 20_001)])
def test_words_that_no_command_can_hold_are_one_clear_error(arguments: tuple[str, ...]) -> None:
    code, output, error = agora(*arguments)
    assert (code, output) == (1, "")
    assert "String should have at" in error
    assert "Traceback" not in error


def test_down_is_content_where_nothing_runs() -> None:
    assert agora("down", "--json") == (0, '{"stopped": false}\n', "")


def test_an_unknown_service_is_answered_with_those_there_are() -> None:
    code, _, error = agora("run", "fortune-teller")
    assert code == 1
    assert all(name in error for name in discovery.folders())


def test_a_service_on_its_own_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = next(service.name for service in discovery.services() if not service.ingress)
    _, _, error = agora("run", heard)
    assert "AGORA_KAFKA" in error
    assert "AGORA_DATABASE" in error
    monkeypatch.setenv("AGORA_KAFKA", "127.0.0.1:9092")
    assert "AGORA_DATABASE" in agora("run", heard)[2]
