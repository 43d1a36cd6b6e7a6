import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.orders import ERRORS_KEPT_MAX, ORDER_LINES_MAX, ErrorReason, OrderBook, OrderLine, Skipped, SkipReason
from console.retail import HEADER, LINE_BYTES_MAX, read_orders

REAL_FILE = Path(__file__).parents[2].parent / "shared" / "data" / "online_retail_2010_12.csv.gz"
GOOD = b"536365,85123A,HEART,6,01/12/2010 08:26,2.55,17850,United Kingdom"


def read(folder: Path, *rows: bytes, content: bytes | None = None) -> OrderBook:
    path = folder / "orders"
    path.write_bytes(content if content is not None else b"\n".join((HEADER.encode(), *rows)) + b"\n")
    return read_orders(path)


def row(**changed: str) -> bytes:
    values = dict(zip(HEADER.split(","), GOOD.decode().split(","), strict=True))
    return ",".join((values | changed).values()).encode()


def reasons(book: OrderBook) -> list[tuple[int, str]]:
    return [(error.line_number, error.reason) for error in book.errors]


@pytest.mark.skipif(not REAL_FILE.exists(), reason="the Online Retail month is not beside this checkout")
def test_the_real_month_comes_to_its_known_figures() -> None:
    book = read_orders(REAL_FILE)
    totals = book.totals
    assert (totals.orders, totals.lines, totals.buyers, totals.products) == (1_338, 25_081, 859, 2_386)
    assert (totals.units, totals.value_minor) == (293_460, 54_326_056)
    assert book.skipped == {
        SkipReason.RETURN: Skipped(299, 680),
        SkipReason.NO_CUSTOMER: Skipped(253, 13_723),
        SkipReason.NO_PRICE: Skipped(2, 38),
    }
    assert (book.rows, book.errors_total) == (39_522, 0)


@pytest.mark.skipif(not REAL_FILE.exists(), reason="the Online Retail month is not beside this checkout")
def test_other_published_copies_of_the_real_month_read_the_same(tmp_path: Path) -> None:
    book = read_orders(REAL_FILE)
    text = gzip.decompress(REAL_FILE.read_bytes()).decode()
    latin = read(tmp_path, content=text.replace("\n", "\r\n").encode("cp1252"))
    assert (latin.orders, latin.skipped, latin.errors) == (book.orders, book.skipped, ())
    marked = read(tmp_path, content=b"\xef\xbb\xbf" + text.encode())
    assert marked.orders == book.orders


def test_a_customer_buys_a_product_from_the_seller_its_code_begins_with(tmp_path: Path) -> None:
    (order,) = read(tmp_path, GOOD, row(StockCode="71053", Quantity="2", UnitPrice="3.3900")).orders
    assert (order.id, order.buyer, order.ordered_at) == ("536365", "17850", datetime(2010, 12, 1, 8, 26, tzinfo=UTC))
    assert order.lines == (OrderLine("85123A", "85", 6, 255), OrderLine("71053", "71", 2, 339))
    assert (order.units, order.total_minor) == (8, 2_208)


def test_figures_are_kept_for_each_buyer_product_and_seller(tmp_path: Path) -> None:
    book = read(tmp_path, GOOD, row(InvoiceNo="2", CustomerID="1", UnitPrice="2.1"), row(InvoiceNo="3"))
    assert (book.buyers["17850"].orders, book.buyers["17850"].value_minor) == (2, 3_060)
    assert (book.products["85123A"].prices_minor, book.products["85123A"].units) == ((210, 255), 18)
    assert (book.sellers["85"].products, book.sellers["85"].orders) == (1, 3)


def test_a_customer_number_written_as_a_fraction_is_the_same_customer(tmp_path: Path) -> None:
    book = read(tmp_path, GOOD, row(CustomerID="17850.0"))
    assert (len(book.orders), len(book.orders[0].lines)) == (1, 2)


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ({"InvoiceNo": "C536365"}, SkipReason.RETURN),
        ({"CustomerID": ""}, SkipReason.NO_CUSTOMER),
        ({"UnitPrice": "0"}, SkipReason.NO_PRICE),
        ({"UnitPrice": "-11062.06"}, SkipReason.NO_PRICE),
        ({"Quantity": "0"}, SkipReason.NO_QUANTITY),
        ({"Quantity": "-6"}, SkipReason.NO_QUANTITY),
    ],
)
def test_an_invoice_that_is_no_order_is_counted_whole(tmp_path: Path, flaw: dict[str, str], reason: SkipReason) -> None:
    sound = row(InvoiceNo=flaw.get("InvoiceNo", "536365"))
    book = read(tmp_path, sound, row(**flaw), sound)
    assert (book.orders, book.skipped, book.errors) == ((), {reason: Skipped(1, 3)}, ())


def test_an_invoice_with_too_many_lines_is_no_order(tmp_path: Path) -> None:
    assert len(read(tmp_path, *[GOOD] * ORDER_LINES_MAX).orders) == 1
    book = read(tmp_path, *[GOOD] * (ORDER_LINES_MAX + 2))
    assert book.skipped == {SkipReason.TOO_MANY_LINES: Skipped(1, ORDER_LINES_MAX + 2)}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(Quantity="1.5"), ErrorReason.QUANTITY),
        (row(Quantity="NaN"), ErrorReason.QUANTITY),
        (row(Quantity="\u0661"), ErrorReason.QUANTITY),
        (row(Quantity="9999999"), ErrorReason.QUANTITY),
        (row(UnitPrice="1e400"), ErrorReason.PRICE),
        (row(UnitPrice="nan"), ErrorReason.PRICE),
        (row(UnitPrice="2.555"), ErrorReason.PRICE),
        (row(UnitPrice=""), ErrorReason.PRICE),
        (row(UnitPrice="99999999"), ErrorReason.PRICE),
        (row(InvoiceDate="31/02/2010 08:26"), ErrorReason.DATE),
        (row(InvoiceDate="yesterday"), ErrorReason.DATE),
        (row(InvoiceDate="01/12/0001 08:26"), ErrorReason.DATE),
        (row(InvoiceDate="2010-12-01 25:00"), ErrorReason.DATE),
        (row(StockCode=""), ErrorReason.PRODUCT),
        (row(StockCode="8" * 33), ErrorReason.PRODUCT),
        (row(StockCode="85\t23A"), ErrorReason.PRODUCT),
        (row(InvoiceNo=""), ErrorReason.INVOICE),
        (row(CustomerID="17850.5"), ErrorReason.CUSTOMER),
        (row(CustomerID="17851"), ErrorReason.SECOND_CUSTOMER),
        (row(StockCode="85\x00123A"), ErrorReason.CONTROL_CHARACTER),
        (row(Description='"HEART'), ErrorReason.QUOTING),
        (row(Description="a,b"), ErrorReason.COLUMNS),
        (b"536365,85123A", ErrorReason.COLUMNS),
        (row(Description="x" * LINE_BYTES_MAX), ErrorReason.LINE_TOO_LONG),
        (row(Description="x" * 3 * LINE_BYTES_MAX), ErrorReason.LINE_TOO_LONG),
        (GOOD.replace(b"HEART", b"\xff\xfe"), ErrorReason.ENCODING),
    ],
)
def test_a_bad_row_is_reported_by_line_and_the_rest_trades(tmp_path: Path, bad: bytes, reason: ErrorReason) -> None:
    book = read(tmp_path, GOOD, bad, GOOD)
    assert reasons(book) == [(3, reason)]
    assert [len(order.lines) for order in book.orders] == [2]
    assert (book.rows, book.errors_total) == (3, 1)


def test_no_more_errors_are_kept_than_promised_and_all_are_counted(tmp_path: Path) -> None:
    book = read(tmp_path, *[b"nonsense"] * (ERRORS_KEPT_MAX + 5))
    assert (len(book.errors), book.errors_total) == (ERRORS_KEPT_MAX, ERRORS_KEPT_MAX + 5)


FIELDS = st.sampled_from(
    [
        *(
            "536365",
            "C536365",
            "536366",
            "85123A",
            "",
            " ",
            "6",
            "-6",
            "0",
            "1.5",
            "NaN",
            "1e400",
            "-0",
            "2.55",
            "2.555",
        ),
        *(
            "01/12/2010 08:26",
            "12/13/2010 8:26",
            "99/99/9999 99:99",
            "0001-01-01 00:00+14:00",
            "9999-12-31 23:59-14:00",
        ),
        *("17850", "17850.0", "nan", '"', '""', '"a,b"', "£", "\x00", "\r", "\x85", "\u2028", "9" * 400),
    ]
)
ANY_ROWS = st.one_of(
    st.binary(max_size=120),
    st.lists(FIELDS, min_size=6, max_size=9).map(lambda fields: ",".join(fields).encode()),
    st.tuples(st.sampled_from(HEADER.split(",")), FIELDS).map(lambda change: row(**dict([change]))),
)


@settings(max_examples=400, deadline=None)
@given(rows=st.lists(ANY_ROWS, max_size=12))
def test_every_row_is_accounted_for_exactly_once(tmp_path_factory: pytest.TempPathFactory, rows: list[bytes]) -> None:
    content = b"\n".join((HEADER.encode(), *rows))
    book = read(tmp_path_factory.getbasetemp(), content=content)
    expected = [number for number, line in enumerate(content.split(b"\n"), 1) if number > 1 and line.strip()]
    lines = sum(len(order.lines) for order in book.orders)
    skipped = sum(skipped.lines for skipped in book.skipped.values())
    assert lines + skipped + len(book.errors) == len(expected) == book.rows
    assert {error.line_number for error in book.errors} <= set(expected)
    assert all(line.quantity > 0 and line.price_minor > 0 for order in book.orders for line in order.lines)
