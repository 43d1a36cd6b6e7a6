"""Reads orders from *Online Retail* as published: D. Chen (2015), UCI, https://doi.org/10.24432/C5BW33, CC BY 4.0.

The file is CSV or gzipped CSV (told by its content), one row a line. InvoiceNo is the order, CustomerID the buyer,
StockCode the product and its first two characters the seller; prices are pounds, exact in pence; times are UTC.

An order is an invoice that is no return (`C…`), names a customer on every row, and has positive quantities and prices
only; any other invoice is counted under its reason, whole. A row that cannot be read is reported with its line number
and left out alone: the rest of its invoice still trades. So is a row that names another customer than the invoice's
first. No row is dropped unsaid: `OrderBook.rows` is the number of rows in the file (blank lines are no rows).

The file is read twice: once to learn how it is written, which holds for the file as a whole, once to read it.

- *Encoding*: UTF-8, unless only cp1252 explains it: no byte-order mark, no non-ASCII line of valid UTF-8, and most
  non-ASCII lines are text in cp1252 (without þ and ÿ, which are more often stray bytes).
- *Dates* with slashes: days first or months first by the more rows that allow only one reading (a number over 12);
  on a tie by padding, since of the published copies `01/12/2010` is days first and `12/1/2010` months first; else
  days first. ISO dates (`2010-12-01 08:26`, with or without an offset) are always read as such.
"""

import csv
import gzip
import re
import sys
import zlib
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from io import BufferedIOBase
from pathlib import Path
from typing import Final, NamedTuple

from console.orders import ErrorReason, OrderBook, OrderLine, RowError, Tally

LINE_BYTES_MAX: Final = 65_536
FILE_LINES_MAX: Final = 10_000_000
FILE_BYTES_MAX: Final = 1 << 30  # unpacked; the whole data set is 46 MB
CODE_CHARACTERS_MAX: Final = 32
QUANTITY_MAX: Final = 1_000_000
PRICE_MINOR_MAX: Final = 100_000_000
YEARS: Final = range(1970, 2200)
HEADER: Final = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
MONTHS: Final = 12

_BOM: Final = b"\xef\xbb\xbf"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_CODE: Final = re.compile(rf"[ -~]{{1,{CODE_CHARACTERS_MAX}}}")
_CUSTOMER: Final = re.compile(r"([0-9]{1,18})(?:\.0{1,6})?")
_QUANTITY: Final = re.compile(r"([+-]?[0-9]{1,12})(?:\.0{1,6})?")
_PRICE: Final = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{0,12})?")
_SLASHED: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}) ([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_ISO: Final = re.compile(
    r"[0-9]{4}(-[0-9]{2}){2}[ T][0-9]{2}(:[0-9]{2}){1,2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_SLASHES: Final = re.compile(rb',\s*"?([0-9]{1,2})/([0-9]{1,2})/[0-9]{4} ')


class OrderFileError(Exception):
    """The file as a whole cannot be read; the message says what happened, to which file, and what to do next."""


class _BadRowError(Exception):
    def __init__(self, reason: ErrorReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class _Style(NamedTuple):
    encoding: str
    months_first: bool


def read_orders(path: Path) -> OrderBook:
    """Read every order of a file; raise OrderFileError if it is no such file, damaged or too large."""
    with _opened(path) as stream:
        style = _style(_lines(stream, path), path)
        stream.seek(0)
        tally = Tally()
        for line_number, line in _lines(stream, path):
            if line_number > 1:
                _take(tally, line_number, line, style)
    return tally.book()


def _take(tally: Tally, line_number: int, line: bytes | None, style: _Style) -> None:
    order = None
    try:
        fields = _fields(line, style.encoding)
        order = _code(fields[0], ErrorReason.INVOICE)
        ordered_at = _instant(fields[4], style.months_first)
        tally.add(line_number, order, ordered_at, _buyer(fields[6]), _order_line(fields))
    except _BadRowError as bad:
        tally.report(RowError(line_number, order, bad.reason, bad.detail))


@contextmanager
def _opened(path: Path) -> Generator[BufferedIOBase]:
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise OrderFileError(f"{path} {what}: give the path of a CSV or CSV.gz file of Online Retail")
        with path.open("rb") as raw:
            magic = raw.read(4)
            raw.seek(0)
            if magic == b"PK\x03\x04":
                raise OrderFileError(f"{path} is a zip archive or Excel workbook: save its sheet as CSV and give that")
            yield gzip.GzipFile(fileobj=raw) if magic.startswith(b"\x1f\x8b") else raw
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise OrderFileError(f"{path} is damaged or cut short ({error}): fetch it again, nothing was read") from error
    except OSError as error:
        raise OrderFileError(f"{path} cannot be read ({error.strerror}): check the path and its permissions") from error


def _lines(stream: BufferedIOBase, path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield lines that are not blank, numbered from 1; None stands for one longer than LINE_BYTES_MAX."""
    number = size = 0
    while chunk := stream.readline(LINE_BYTES_MAX + 1):
        number += 1
        size += len(chunk)
        overlong = len(chunk) > LINE_BYTES_MAX
        while overlong and chunk and not chunk.endswith(b"\n") and size <= FILE_BYTES_MAX:
            chunk = stream.readline(LINE_BYTES_MAX)
            size += len(chunk)
        if number > FILE_LINES_MAX or size > FILE_BYTES_MAX:
            limits = f"{FILE_LINES_MAX:,} lines or {FILE_BYTES_MAX:,} bytes"
            raise OrderFileError(f"{path} holds more than {limits}, unpacked: split it and read the parts one by one")
        if overlong or number == 1 or not chunk.isspace():
            yield number, None if overlong else chunk


def _style(lines: Iterator[tuple[int, bytes | None]], path: Path) -> _Style:
    header = next(lines, (1, None))[1] or b""
    names = header.removeprefix(_BOM).decode("utf-8", "replace").replace('"', "").split(",")
    if [name.strip() for name in names] != HEADER.split(","):
        raise OrderFileError(f"{path} begins with {','.join(names)[:80]!r}: its first line must be {HEADER}")
    seen = Counter(clue for _, line in lines if line is not None for clue in _clues(line))
    cp1252 = not header.startswith(_BOM) and not seen["utf-8"] and seen["cp1252"] > seen["neither"]
    months_first = (seen["months"], seen["unpadded"]) > (seen["days"], seen["padded"])
    return _Style("cp1252" if cp1252 else "utf-8", months_first)


def _clues(line: bytes) -> Iterator[str]:
    if not line.isascii():
        cp1252 = _decodes(line, "cp1252") and not {0xFE, 0xFF}.intersection(line)
        yield "utf-8" if _decodes(line, "utf-8") else "cp1252" if cp1252 else "neither"
    if date := _SLASHES.search(line):
        first, second = date.groups()
        if (int(first) > MONTHS) != (int(second) > MONTHS):
            yield "days" if int(first) > int(second) else "months"
        if len(first) == 1 or len(second) == 1:
            yield "unpadded"
        elif b"0" in (first[:1], second[:1]):
            yield "padded"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        return bool(line.decode(encoding))
    except UnicodeDecodeError:
        return False


def _fields(line: bytes | None, encoding: str) -> list[str]:
    if line is None:
        raise _BadRowError(ErrorReason.LINE_TOO_LONG, f"over {LINE_BYTES_MAX:,} bytes")
    try:
        text = line.decode(encoding).rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _BadRowError(ErrorReason.ENCODING, f"no {encoding} at byte {error.start + 1} of the line") from None
    if control := _CONTROL.search(text):
        raise _BadRowError(ErrorReason.CONTROL_CHARACTER, f"{control[0]!r} at character {control.start() + 1}")
    try:
        fields = next(csv.reader((text,), strict=True)) if '"' in text else text.split(",")
    except csv.Error as error:
        raise _BadRowError(ErrorReason.QUOTING, str(error)) from None
    if len(fields) != HEADER.count(",") + 1:
        raise _BadRowError(ErrorReason.COLUMNS, f"{len(fields)} instead of {HEADER.count(',') + 1}")
    return [value.strip() for value in fields]


def _order_line(fields: list[str]) -> OrderLine:
    product = _code(fields[1], ErrorReason.PRODUCT)
    seller = sys.intern(product[:2].rstrip())
    return OrderLine(product, seller, _quantity(fields[3]), _price_minor(fields[5]))


def _code(text: str, reason: ErrorReason) -> str:
    if not _CODE.fullmatch(text):
        raise _bad(reason, text)
    return sys.intern(text)


def _buyer(text: str) -> str:
    if text in ("", "nan", "NaN"):
        return ""
    if not (number := _CUSTOMER.fullmatch(text)):
        raise _bad(ErrorReason.CUSTOMER, text)
    return sys.intern(number[1])


def _quantity(text: str) -> int:
    number = _QUANTITY.fullmatch(text)
    if not number or abs(int(number[1])) > QUANTITY_MAX:
        raise _bad(ErrorReason.QUANTITY, text)
    return int(number[1])


@lru_cache(maxsize=4_096)
def _price_minor(text: str) -> int:
    pence = Decimal(text) * 100 if _PRICE.fullmatch(text) else None
    if pence is None or pence != int(pence) or abs(pence) > PRICE_MINOR_MAX:
        raise _bad(ErrorReason.PRICE, text)
    return int(pence)


@lru_cache(maxsize=4_096)
def _instant(text: str, months_first: bool) -> datetime:  # noqa: FBT001 - the cache tells arguments apart by place
    try:
        at = _slashed(text, months_first=months_first) if "/" in text else _iso(text)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.year not in YEARS:
        raise _bad(ErrorReason.DATE, text)
    return at


def _slashed(text: str, *, months_first: bool) -> datetime | None:
    if not (found := _SLASHED.fullmatch(text)):
        return None
    first, second, year, hour, minute, seconds = (int(part or 0) for part in found.groups())
    month, day = (first, second) if months_first else (second, first)
    return datetime(year, month, day, hour, minute, seconds, tzinfo=UTC)


def _iso(text: str) -> datetime | None:
    at = datetime.fromisoformat(text) if _ISO.fullmatch(text) else None
    return at and (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC))


def _bad(reason: ErrorReason, text: str) -> _BadRowError:
    return _BadRowError(reason, repr(text[:60]) if text else "empty")
