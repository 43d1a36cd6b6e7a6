"""One account of the ledger."""

from datetime import datetime
from typing import Final, Literal

from pydantic import TypeAdapter

from services.gateway.queries.paging import LIMIT, Instant, Reader, Told, cursor_of, place_of, rows_of


class Entry(Told):
    """One side of a posting, in minor units."""

    transaction: str
    posting: Literal["captured", "settled", "refunded"]
    entry: int
    amount_minor: int
    currency: str
    posted_at: datetime


class Balance(Told):
    """What the entries of one currency add up to, in minor units."""

    currency: str
    balance_minor: int


class Account(Told):
    """An account: ``escrow``, ``fees``, ``buyer:…`` or ``seller:…``. The balances are of all its entries."""

    account: str
    balances: tuple[Balance, ...]
    entries: tuple[Entry, ...]
    next: str | None


# One statement sees one moment, so the balances are those of the very entries that its pages list.
_ACCOUNT: Final = """
SELECT (
    SELECT coalesce(json_agg(json_build_object('currency', currency, 'balance_minor', balance_minor)
        ORDER BY currency), '[]') FROM accounts WHERE account = $1
) AS balances, (
    SELECT coalesce(json_agg(listed ORDER BY posted_at DESC, transaction DESC, posting DESC, entry DESC), '[]') FROM (
        SELECT transaction, posting, entry, amount_minor, currency, posted_at FROM ledger
        WHERE account = $1
            AND ($2::timestamptz IS NULL OR (posted_at, transaction, posting, entry) < ($2, $3, $4, $5::bigint))
        ORDER BY posted_at DESC, transaction DESC, posting DESC, entry DESC LIMIT $6
    ) AS listed
) AS entries
"""
_balances: Final = TypeAdapter(tuple[Balance, ...])
_entries: Final = TypeAdapter(tuple[Entry, ...])


async def account(reader: Reader, name: str, after: str | None = None, limit: int = LIMIT) -> Account:
    """An account's balances and its entries, newest first; none if nothing was ever posted. Raises ``BadCursor``."""
    place = place_of(after, tuple[Instant, str, str, int]) or (None, None, None, None)
    row = await reader.fetchrow(_ACCOUNT, name, *place, rows_of(limit))
    assert row is not None  # noqa: S101 - it has a row, whatever there is
    entries = _entries.validate_json(row["entries"])
    shown = entries[: rows_of(limit) - 1]
    more = _cursor(shown[-1]) if len(shown) < len(entries) else None
    balances = _balances.validate_json(row["balances"])
    return Account(account=name, balances=balances, entries=shown, next=more)


def _cursor(last: Entry) -> str:
    return cursor_of(last.posted_at, last.transaction, last.posting, last.entry)
