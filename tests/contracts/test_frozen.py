"""What is frozen stays as it is, and every difference between it and the code is found."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agora.contracts import check as checking
from agora.contracts import frozen
from agora.contracts.frozen import ContractError
from agora.contracts.known import current, versions
from agora.contracts.samples import Sample, samples_of
from agora.envelope import read_envelope
from agora.event import Event
from market.buyers import AddToCart

ORDER = "OrderPlaced.v1"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Every contract of today, freshly frozen: bytes by file name."""
    root = tmp_path_factory.mktemp("template")
    checking.freeze(root)
    return contents(root)


@pytest.fixture
def root(template: dict[str, bytes], tmp_path: Path) -> Path:
    for name, content in template.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def edit(path: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def opened(event: type[Event], sample: Sample) -> Event:
    return event.model_validate_json(bytes(read_envelope(sample.value.encode()).data))


def found(root: Path) -> list[tuple[str, str, str, str, str]]:
    return [(one.event, one.side, one.path, one.frozen, one.now) for one in checking.check(root)]


def test_the_contracts_of_this_repository_are_what_the_code_says() -> None:
    assert [str(finding) for finding in checking.check(frozen.folder())] == []


def test_freezing_twice_writes_nothing_more(root: Path) -> None:
    before = contents(root)
    assert checking.freeze(root) == []
    assert contents(root) == before


def test_what_is_missing_is_found_and_freezing_writes_it_alone(root: Path, template: dict[str, bytes]) -> None:
    missing = [f"{ORDER}/read.json", "FundsHeld.v1/sample-1.json", "FundsHeld.v1/sample-2.json", "consumers.json"]
    for name in missing:
        (root / name).unlink()
    assert [(event, side) for event, side, *_ in found(root)] == [
        ("FundsHeld.v1", "sample"),
        (ORDER, "read"),
        ("consumers.json", "consumers"),
    ]
    assert sorted(checking.freeze(root)) == sorted(missing)
    assert contents(root) == template


def test_a_sample_that_is_taken_away_does_not_come_back_while_there_is_another(root: Path) -> None:
    """A new kind of example does not join a version that is frozen: it never was written."""
    (root / ORDER / "sample-2.json").unlink()
    assert checking.freeze(root) == []


def test_a_version_that_says_something_else_is_never_written_again(root: Path) -> None:
    edit(root / ORDER / "written.json", lambda schema: schema["properties"].pop("buyer"))
    edit(root / ORDER / "read.json", lambda schema: schema["properties"]["lines"].update(maxItems=5))
    (root / "FundsHeld.v1" / "read.json").unlink()
    before = contents(root)
    text = '{"maxLength": 100, "minLength": 1, "type": "string"}'
    refused = "written.json does not allow it: Additional properties are not allowed ('buyer' was unexpected)"
    assert found(root)[1:] == [
        (ORDER, "written", "$.properties.buyer", "nothing", text),
        (ORDER, "read", "$.properties.lines.maxItems", "5", "1000"),
        (ORDER, "sample", "sample-1.json", "a record", refused),
        (ORDER, "sample", "sample-2.json", "a record", refused),
    ]
    with pytest.raises(ContractError, match=r"never written again\. OrderPlaced\.v1: written: .*add version 2"):
        checking.freeze(root)
    assert contents(root) == before


def test_a_frozen_version_without_a_class_is_found(root: Path) -> None:
    (root / ORDER).rename(root / "OrderForgotten.v3")
    assert ("OrderForgotten.v3", "folder", "$", "a contract", "no class") in found(root)
    assert (ORDER, "folder", "$", "nothing", "a class") in found(root)


def test_a_file_that_belongs_to_no_contract_is_found(root: Path) -> None:
    (root / ORDER / "sample-01.json").write_text("{}", encoding="utf-8")
    assert [one[2] for one in found(root)] == ["sample-01.json"]


BROKEN: dict[str, Callable[[Path], object]] = {
    "no JSON": lambda order: (order / "read.json").write_text("{", encoding="utf-8"),
    "no text": lambda order: (order / "read.json").write_bytes(b"\xff\xfe\x00"),
    "too deep": lambda order: (order / "read.json").write_text("[" * 100_000, encoding="utf-8"),
    "no object": lambda order: (order / "read.json").write_text("[]", encoding="utf-8"),
    "a schema that is none": lambda order: edit(order / "read.json", lambda one: one.update(type="thing")),
    "a sample without a key": lambda order: edit(order / "sample-1.json", lambda one: one.pop("key")),
    "a sample that is a list": lambda order: (order / "sample-1.json").write_text("[]", encoding="utf-8"),
    "a sample of another subject": lambda order: edit(order / "sample-1.json", lambda one: one.update(key="other")),
    "a sample that is no event": lambda order: edit(order / "sample-1.json", lambda one: one.update(value="{}")),
    "a sample of a field that is gone": lambda order: edit(
        order / "sample-1.json", lambda one: one.update(value=one["value"].replace('"buyer":', '"client":'))
    ),
    "a sample with more than is promised": lambda order: edit(
        order / "sample-1.json", lambda one: one.update(value=one["value"].replace('"data":{', '"data":{"more":1,'))
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_a_finding_and_no_crash(root: Path, what: str) -> None:
    BROKEN[what](root / ORDER)
    findings = checking.check(root)
    assert findings
    assert {finding.event for finding in findings} == {ORDER}


def test_what_services_read_is_held_to_the_code(root: Path) -> None:
    edit(root / "consumers.json", lambda consumers: consumers["transaction"]["FundsRefused"].append("transaction"))
    path = "$.transaction.FundsRefused"
    assert found(root) == [("consumers.json", "consumers", path, '["reason", "transaction"]', '["reason"]')]
    assert checking.freeze(root) == ["consumers.json"]
    assert found(root) == []


def test_without_contracts_it_is_said_how_to_freeze_them(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="agora contracts freeze"):
        checking.check(tmp_path / "nowhere")


def test_the_folder_is_the_one_beside_the_services_or_the_one_that_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(frozen.VARIABLE, raising=False)
    assert frozen.folder() == Path(__file__).parents[2] / "contracts"
    monkeypatch.setenv(frozen.VARIABLE, str(tmp_path))
    assert frozen.folder() == tmp_path


def test_every_event_of_the_services_and_of_the_runtime_has_a_contract() -> None:
    names = [event.wire_name for event in versions()]
    assert len(names) == len(set(names)) >= 53
    assert {"OrderPlaced.v1", "Submitted.v1", "ErrorOccurred.v1", "RedriveParked.v1", "SkipParked.v1"} <= set(names)
    assert set(current()) <= set(versions())


@pytest.mark.parametrize("event", versions(), ids=lambda event: event.wire_name)
def test_samples_are_the_least_a_class_says_and_then_everything_as_each_stream_hears_it(event: type[Event]) -> None:
    least, *most = samples_of(event)
    assert samples_of(event) == (least, *most)
    assert len({sample.stream for sample in most}) == len(most) >= 1
    needed = {name for name, field in event.model_fields.items() if field.is_required()}
    said, *told = (opened(event, one) for one in (least, *most))
    assert event(**{name: getattr(said, name) for name in needed}) == said
    # What one stream does not hear of, another does.
    filled = {name for one in told for name, value in one if value not in {None, ()}}
    assert filled == set(event.model_fields)


def test_the_least_leaves_out_what_can_be_left_out_at_any_depth() -> None:
    least, most = (opened(AddToCart, sample) for sample in samples_of(AddToCart))
    assert isinstance(least, AddToCart)
    assert isinstance(most, AddToCart)
    assert (least.line.freight_minor, least.line.voucher_minor) == (0, 0)
    assert (most.line.freight_minor, most.line.voucher_minor) == (2, 2)


def test_an_event_that_concerns_several_is_kept_as_each_of_them_hears_it() -> None:
    kept = frozen.load(frozen.folder())["PaymentSucceeded.v1"].samples()
    assert [sample.stream for sample in kept] == ["transactions", "transactions", "buyers", "products", "sellers"]
