import gzip
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.orders import ErrorReason, OrderBook
from console.retail import HEADER, LINE_BYTES_MAX, OrderFileError, read_orders

GOOD = b"536365,85123A,HEART,6,01/12/2010 08:26,2.55,17850,United Kingdom"


def read(folder: Path, *rows: bytes, content: bytes | None = None) -> OrderBook:
    path = folder / "orders"
    path.write_bytes(content if content is not None else b"\n".join((HEADER.encode(), *rows)) + b"\n")
    return read_orders(path)


def row(**changed: str) -> bytes:
    values = dict(zip(HEADER.split(","), GOOD.decode().split(","), strict=True))
    return ",".join((values | changed).values()).encode()


def test_one_undecodable_row_of_a_utf_8_file_is_reported(tmp_path: Path) -> None:
    pound = row(Description="VOUCHER £40")
    book = read(tmp_path, pound, GOOD.replace(b"HEART", b"VOUCHER \xa340"), pound)
    assert [(error.line_number, error.reason) for error in book.errors] == [(3, ErrorReason.ENCODING)]


def test_a_file_in_cp1252_is_read_as_such(tmp_path: Path) -> None:
    book = read(tmp_path, GOOD, GOOD.replace(b"HEART", b"VOUCHER \xa340"))
    assert (book.totals.lines, book.errors) == (2, ())


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (("01/12/2010 08:26", "13/12/2010 08:26"), (1, 13)),
        (("12/1/2010 8:26", "12/13/2010 8:26"), (1, 13)),
        (("12/01/2010 08:26", "12/13/2010 08:26"), (1, 13)),
        (("1/12/2010 8:26", "13/12/2010 8:26"), (1, 13)),
        (("01/12/2010 08:26", "02/12/2010 08:26"), (1, 2)),
        (("12/1/2010 8:26", "12/2/2010 8:26"), (1, 2)),
        (("2010-12-01 08:26", "2010-12-02T08:26:00Z"), (1, 2)),
        (("2010-12-01T08:26:00+02:00", "2010-12-02 01:00+02:00"), (1, 1)),
    ],
)
def test_dates_are_read_by_what_holds_for_the_whole_file(
    tmp_path: Path, dates: tuple[str, str], days: tuple[int, int]
) -> None:
    book = read(tmp_path, *(row(InvoiceNo=str(number), InvoiceDate=date) for number, date in enumerate(dates)))
    assert tuple(order.ordered_at.day for order in book.orders) == days
    assert {order.ordered_at.month for order in book.orders} == {12}
    assert all(order.ordered_at.tzinfo is UTC for order in book.orders)


def test_quoted_fields_blank_lines_and_a_missing_last_newline_are_no_trouble(tmp_path: Path) -> None:
    quoted = b"\xef\xbb\xbf" + ",".join(f'"{name}"' for name in HEADER.split(",")).encode()
    content = b"\r\n".join((quoted, b"", row(Description='"A ""B"", C"'), b" ", GOOD))
    book = read(tmp_path, content=content)
    assert (book.rows, book.totals.lines) == (2, 2)


def test_a_file_without_rows_has_no_orders(tmp_path: Path) -> None:
    assert read(tmp_path).rows == 0


def test_compression_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    assert read(tmp_path, content=gzip.compress(HEADER.encode() + b"\n" + GOOD, mtime=0)).totals.lines == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with"),
        (b"a,b,c\n", "begins with 'a,b,c"),
        (HEADER.lower().encode(), "its first line must be InvoiceNo"),
        (HEADER.encode("utf-16"), "begins with"),
        (b"\n" + HEADER.encode(), "begins with"),
        (b"x" * 3 * LINE_BYTES_MAX, "begins with"),
        (b"PK\x03\x04", "Excel"),
        (gzip.compress(HEADER.encode() + b"\n" + GOOD, mtime=0)[:-9], "damaged or cut short"),
        (gzip.compress(HEADER.encode() + b"\n" + GOOD, mtime=0)[:4], "damaged or cut short"),
        (gzip.compress(HEADER.encode(), mtime=0) + b"tail", "damaged or cut short"),
    ],
)
def test_a_file_that_is_none_of_ours_says_so(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(OrderFileError, match=message):
        read(tmp_path, content=content)


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "does not exist"), ("", "not a regular file"), ("n" * 300, "cannot be read"), ("\0", "does not exist")],
)
def test_a_path_that_is_no_file_says_so(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(OrderFileError, match=message):
        read_orders(tmp_path / name)


def test_a_file_that_unpacks_beyond_all_bounds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.retail.FILE_BYTES_MAX", 10_000_000)
    monkeypatch.setattr("console.retail.FILE_LINES_MAX", 1_000)
    for bomb in (b"0" * 20_000_000, b"\n" * 2_000):
        with pytest.raises(OrderFileError, match="holds more than"):
            read(tmp_path, content=gzip.compress(HEADER.encode() + b"\n" + bomb, mtime=0))


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=300))
def test_any_bytes_at_all_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for start in (b"", b"\x1f\x8b\x08\x00", HEADER.encode() + b"\n"):
        try:
            read(tmp_path_factory.getbasetemp(), content=start + content)
        except OrderFileError as error:
            assert "orders" in str(error)  # noqa: PT017 - either outcome is right
