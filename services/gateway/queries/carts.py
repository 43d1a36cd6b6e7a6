"""What is in a buyer's cart."""

from typing import Final

from pydantic import Field, TypeAdapter

from services.gateway.queries.paging import Reader, Told


class Line(Told):
    """So many units of a product, at one price each."""

    product: str
    version: int
    quantity: int
    price_minor: int
    total_minor: int


class Cart(Told):
    """A buyer's cart. An order is priced anew when it is checked out, with freight and vouchers if it has any."""

    buyer: str
    currency: str | None = Field(description="Of the buyer's budget; null if nobody has registered the buyer.")
    lines: tuple[Line, ...]
    total_minor: int = Field(description="What the lines cost together, without freight and vouchers.")


_lines: Final = TypeAdapter(tuple[Line, ...])
_CART: Final = """
SELECT (SELECT currency FROM shoppers WHERE buyer = $1) AS currency,
    coalesce(json_agg(lines ORDER BY product), '[]') AS lines, coalesce(sum(total_minor), 0)::bigint AS total_minor
FROM (
    SELECT product, version, quantity, price_minor, quantity * price_minor AS total_minor
    FROM cart_lines WHERE buyer = $1 AND watches > 0 AND quantity > 0
) AS lines
"""


async def of_buyer(reader: Reader, buyer: str) -> Cart:
    """A buyer's cart; an empty one if the views know of none."""
    row = await reader.fetchrow(_CART, buyer)
    assert row is not None  # noqa: S101 - an aggregate always has a row
    lines = _lines.validate_json(row["lines"])
    return Cart(buyer=buyer, currency=row["currency"], lines=lines, total_minor=row["total_minor"])
