"""The path of whoever changes an event: change it in a copy of the code, and ask what that breaks, and whom."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
REGISTERED = 'class SellerRegistered(AboutSeller):\n    """A seller may trade."""\n\n    currency: Currency\n'
COMMANDS = ("freeze", "check", "diff", "list", "push")

RUN = """
import json, sys
from typer.testing import CliRunner
from console.main import app

ended = (CliRunner().invoke(app, ["contracts", *command.split()]) for command in sys.argv[1:])
print(json.dumps([(one.exit_code, one.stdout, one.stderr) for one in ended]))
"""


class Ended(NamedTuple):
    code: int
    output: str
    error: str


@dataclass(frozen=True)
class Copy:
    """A copy of the code and of its contracts, to be changed."""

    root: Path

    def edit(self, name: str, before: str, after: str) -> None:
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{name} has {before!r} {text.count(before)} times"
        path.write_text(text.replace(before, after), encoding="utf-8")

    def agora(self, *commands: str) -> list[Ended]:
        """Run commands of ``agora contracts`` in the copy, one after the other in a process of its own."""
        paths = os.pathsep.join((str(self.root / "libs"), str(self.root)))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AGORA_")}
        done = subprocess.run(
            [sys.executable, "-c", RUN, *commands],
            cwd=self.root,
            env=environment | {"PYTHONPATH": paths, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return [Ended(*ended) for ended in json.loads(done.stdout)]

    def told(self, *commands: str) -> list[tuple[int, Any]]:
        """Run commands with ``--json``. Standard error holds the error that the JSON tells as well, or nothing."""
        answers: list[tuple[int, Any]] = []
        for ended in self.agora(*(f"{command} --json" for command in commands)):
            answers.append((ended.code, json.loads(ended.output)))
            assert ended.error.removeprefix("agora: ").strip() == answers[-1][1].get("error", "")
        return answers

    def broken(self) -> dict[tuple[str, str, str], tuple[list[str], list[str]]]:
        """Who breaks, and who cannot open it, by event, field and direction."""
        ((code, told),) = self.told("diff")
        return self.who(code, told)

    @staticmethod
    def who(code: int, told: Any) -> dict[tuple[str, str, str], tuple[list[str], list[str]]]:
        """The same, as ``diff --json`` tells it."""
        assert code == (1 if told["breaks"] else 0)
        return {
            (one["event"], one["field"], one["direction"]): (one["breaks"], one["cannot_open"])
            for one in told["breaks"]
        }


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    for name in ("libs", "services", "contracts"):  # with what is compiled already
        shutil.copytree(ROOT / name, tmp_path / name)
    return Copy(tmp_path)


def test_unchanged_code_has_no_findings_and_breaks_nobody(copy: Copy) -> None:
    (checked, findings), (compared, breaks), frozen = copy.told("check", "diff", "freeze")
    root = str(copy.root / "contracts")
    assert (checked, compared) == (0, 0)
    assert findings == {"contracts": root, "versions": findings["versions"], "findings": []}
    assert breaks == {"contracts": root, "changes": [], "breaks": []}
    assert frozen == (0, {"contracts": root, "written": []})


def test_a_field_that_is_renamed_everywhere_breaks_its_reader_in_both_directions(copy: Copy) -> None:
    words = 'class FundsRefused(MarketEvent):\n    """The buyer will not pay for an order."""\n\n'
    fields = "    transaction: TransactionId\n    buyer: BuyerId\n    {}: str"
    copy.edit("libs/market/buyers.py", words + fields.format("reason"), words + fields.format("why"))
    copy.edit("services/buyer/decide.py", "buyer=event.buyer, reason=reason))", "buyer=event.buyer, why=reason))")
    opened = "return _cancel(state.order, event.{}, now) if isinstance(state, asked) else NOTHING"
    copy.edit("services/transaction/decide.py", opened.format("reason"), opened.format("why"))
    told, (_, output, _) = copy.agora("diff --json", "diff")
    assert copy.who(told.code, json.loads(told.output)) == {
        ("FundsRefused.v1", "why", "backward"): (["transaction"], []),
        ("FundsRefused.v1", "reason", "forward"): (["transaction"], []),
    }
    assert "FundsRefused.v1  written  $.properties.reason\n" in output
    assert "BREAK  FundsRefused.v1  reason  forward\n" in output
    assert "    breaks: transaction\n" in output


def test_a_field_that_nobody_reads_breaks_those_who_must_open_it(copy: Copy) -> None:
    copy.edit("libs/market/buyers.py", "    buyer: BuyerId\n    amount: Money\n", "    buyer: BuyerId\n")
    assert copy.broken() == {("FundsHeld.v1", "amount", "forward"): ([], ["transaction"])}


def test_a_field_of_an_event_that_nobody_hears_breaks_no_service_but_the_contract(copy: Copy) -> None:
    copy.edit(
        "libs/market/sellers.py", '"""A seller may trade."""\n\n    currency: Currency\n', '"""A seller may trade."""\n'
    )
    assert copy.broken() == {("SellerRegistered.v1", "currency", "forward"): ([], [])}


def test_another_default_breaks_whoever_reads_the_field_or_what_it_is_in(copy: Copy) -> None:
    copy.edit("libs/market/lines.py", "    freight_minor: int = 0\n", "    freight_minor: int = 5\n")
    copy.edit("libs/market/products.py", "    watchers: Watchers = ()\n", '    watchers: Watchers = (BuyerId("B"),)\n')
    broken = copy.broken()
    # Nobody reads the watchers, and a record without them opens as before: it only means something else.
    assert broken["PriceChanged.v1", "watchers", "backward"] == ([], [])
    assert broken["OrderPlaced.v1", "lines[].freight_minor", "backward"] == (["transaction"], [])
    assert broken["TransactionOpened.v1", "lines[].freight_minor", "backward"] == (["product"], [])


def test_a_field_that_may_be_left_out_breaks_nobody_but_still_asks_for_a_version(copy: Copy) -> None:
    fields = "    transaction: TransactionId\n    product: ProductId\n    quantity: Positive\n"
    copy.edit("libs/market/products.py", fields, f"{fields}    shelf: str | None = None\n")
    compared, (checked, told), (frozen, error) = copy.told("diff", "check", "freeze")
    assert copy.who(*compared) == {}
    assert (checked, frozen) == (1, 1)
    found = {(one["event"], one["side"], one["path"]): one["advice"] for one in told["findings"]}
    assert found["StockReserved.v1", "read", "$.properties.shelf"] == "Leave the class as it was, and add version 2"
    assert "a frozen version is never written again. StockReserved.v1: written" in error["error"]


def test_a_service_that_reads_more_is_found_and_frozen_again(copy: Copy) -> None:
    funds = "return _pay(state.order, now) if isinstance(state, Reserved) else NOTHING"
    copy.edit("services/transaction/decide.py", funds, funds.replace("isinstance", "event.amount.minor and isinstance"))
    (checked, told), (_, frozen), (again, _) = copy.told("check", "freeze", "check")
    assert (checked, again) == (1, 0)
    assert [(one["side"], one["path"], one["now"]) for one in told["findings"]] == [
        ("consumers", "$.transaction.FundsHeld", '["amount.minor"]')
    ]
    assert frozen["written"] == ["consumers.json"]


def test_a_new_event_breaks_nobody_and_is_written_once(copy: Copy) -> None:
    copy.edit(
        "libs/market/sellers.py",
        "class SellerRegistrationRefused(",
        'class SellerPraised(AboutSeller):\n    """Somebody liked a seller."""\n\n    words: str\n\n\n'
        "class SellerRegistrationRefused(",
    )
    (_, listed), (checked, _), (compared, _), (_, frozen), (again, _) = copy.told(
        "list", "check", "diff", "freeze", "check"
    )
    (praised,) = (one for one in listed["events"] if one["event"] == "SellerPraised")
    assert praised["versions"] == [{"version": 1, "frozen": False}]
    assert (checked, compared, again) == (1, 0, 0)
    names = ("written", "read", "sample-1", "sample-2")
    assert frozen["written"] == [f"SellerPraised.v1/{name}.json" for name in names]


def test_an_event_that_is_gone_breaks_those_who_heard_it(copy: Copy) -> None:
    (copy.root / "contracts/ProductQuoted.v1").rename(copy.root / "contracts/ProductQuoted.v7")
    (copy.root / "contracts/StockReserved.v1").rename(copy.root / "contracts/StockPromised.v1")
    told = json.loads((copy.root / "contracts/consumers.json").read_text(encoding="utf-8"))
    told["transaction"]["StockPromised"] = ["product"]
    (copy.root / "contracts/consumers.json").write_text(json.dumps(told), encoding="utf-8")
    assert copy.broken() == {
        ("ProductQuoted.v7", "", "backward"): (["buyer"], []),
        ("StockPromised.v1", "", "backward"): ([], []),
        ("StockPromised.v1", "", "forward"): (["transaction"], []),
    }


def test_the_list_names_who_publishes_and_who_consumes(copy: Copy) -> None:
    ((code, told),) = copy.told("list")
    listed = {one["event"]: one for one in told["events"]}
    assert code == 0
    assert listed["PaymentSucceeded"] == {
        "event": "PaymentSucceeded",
        "versions": [{"version": 1, "frozen": True}],
        "published_by": ["transaction"],
        "consumed_by": ["buyer", "concierge", "fulfilment", "product", "risk", "seller"],
    }
    assert listed["TransactionTimedOut"]["published_by"] == ["transaction"]
    assert listed["Submitted"]["published_by"] == ["gateway"]
    assert listed["ErrorOccurred"]["published_by"] == listed["SkipParked"]["consumed_by"] == ["runtime"]


def test_without_contracts_a_command_says_what_to_do(copy: Copy) -> None:
    shutil.rmtree(copy.root / "contracts")
    *without, (listed, _), (_, frozen), (checked, _) = copy.told("check", "diff", "list", "freeze", "check")
    for code, told in without:
        assert code == 1
        assert "agora contracts freeze" in told["error"]
    assert (listed, checked) == (0, 0)
    assert len(frozen["written"]) > 200


def test_every_command_speaks_to_people_and_has_help(copy: Copy) -> None:
    copy.edit("libs/market/buyers.py", "    buyer: BuyerId\n    amount: Money\n", "    buyer: BuyerId\n")
    copy.edit(
        "libs/market/sellers.py", '"""A seller may trade."""\n\n    currency: Currency\n', '"""A seller may trade."""\n'
    )
    checked, compared, listed, frozen = copy.agora("check", "diff", "list", "freeze")
    assert "    Leave the class as it was, and add version 2.\n" in checked.output
    assert "    dead letters at: transaction (" in compared.output
    assert "    breaks no service, but the contract" in compared.output
    assert re.search(r"PaymentSucceeded +1 +transaction +buyer, concierge, fulfilment, product, risk,", listed.output)
    assert frozen.error.startswith("agora: a frozen version is never written again")
    for ended in copy.agora(*(f"{command} --help" for command in COMMANDS)):
        assert ended.code == 0
        assert "--json" in ended.output
