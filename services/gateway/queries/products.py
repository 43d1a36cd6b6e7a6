"""What is on sale."""

from datetime import datetime
from typing import Final

import asyncpg
import msgspec
from pydantic import Field

from services.gateway.queries.paging import LIMIT, Page, Reader, Told, page_of, place_of, rows_of

_LIKE: Final = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})
_COLUMNS: Final = (
    "product, seller, currency, price_minor, prices_minor, version, listed_at, available, reserved, sold, "
    "available + reserved AS stock"
)


class Product(Told):
    """A product as it is on sale. Units are counted as far as the views have heard."""

    product: str
    seller: str
    currency: str
    price_minor: int = Field(description="The price quoted, in minor units.")
    prices_minor: tuple[int, ...] = Field(description="Every price at which it may be sold, the one quoted first.")
    version: int
    available: int = Field(description="Units that nobody has been promised.")
    reserved: int = Field(description="Units promised to orders that are not paid yet.")
    stock: int = Field(description="Units on hand: available and reserved.")
    sold: int = Field(description="Units paid for, but for those that were returned.")
    listed_at: datetime


async def search(
    reader: Reader, text: str = "", seller: str | None = None, after: str | None = None, limit: int = LIMIT
) -> Page[Product]:
    """The products whose id, or whose seller's id, holds a text in whatever case, by id. Raises ``BadCursor``.

    Looks at every product from ``after`` on until the page is full.
    """
    rows = await reader.fetch(
        f"SELECT {_COLUMNS} FROM goods WHERE ($1::text IS NULL OR product > $1) AND ($2::text IS NULL OR seller = $2) "  # noqa: S608 - from code
        "AND ($3 = '' OR product ILIKE $4 OR seller ILIKE $4) ORDER BY product LIMIT $5",
        next(iter(place_of(after, tuple[str]) or ()), None),
        seller,
        text,
        f"%{text.translate(_LIKE)}%",
        rows_of(limit),
    )
    return page_of(rows, limit, _product, "product")


async def one(reader: Reader, product: str) -> Product | None:
    """One product, if it was ever listed."""
    row = await reader.fetchrow(f"SELECT {_COLUMNS} FROM goods WHERE product = $1", product)  # noqa: S608 - from code
    return None if row is None else _product(row)


async def owns(reader: Reader, seller: str, product: str) -> bool:
    """Whether a product is this seller's, as far as the views have heard."""
    question = (
        "SELECT seller = $2 FROM offers WHERE product = $1 AND listed_position IS NOT NULL "
        "ORDER BY listed_position LIMIT 1"
    )
    return bool(await reader.fetchval(question, product, seller))


def _product(row: asyncpg.Record) -> Product:
    return Product(**{**dict(row), "prices_minor": msgspec.json.decode(row["prices_minor"])})
