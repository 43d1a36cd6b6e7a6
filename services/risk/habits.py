"""What is learnt from a payment: when the last ones were, and what is ordinary for a buyer."""

from bisect import bisect_right
from typing import Final, TypeVar

from market.ids import ProductId, SellerId
from services.risk.state import PRODUCTS_MAX, RECENT_MAX, SELLERS_MAX, TOKENS_MAX, Habits, Recent, Registered, Token

Name = TypeVar("Name", bound=str)


PROBATION_SECONDS: Final = 86_400
"""So long a new token must have been used unsuspected before what it buys is learnt: a thief may begin small."""


def trusts(buyer: Registered, token: str, at: int) -> bool:
    """Tell whether this is the buyer's own token: long in use, or the first of all."""
    if not buyer.tokens:
        return True
    return any(one.digest == token and at - one.since >= PROBATION_SECONDS for one in buyer.tokens)


def acquainted(tokens: tuple[Token, ...], digest: str, since: int) -> tuple[Token, ...]:
    """Get to know a token, the first of all as if it had always been there; beyond the limit, the oldest leaves."""
    if not digest or any(one.digest == digest for one in tokens):
        return tokens
    return (*tokens, Token(digest, since if tokens else 0))[-TOKENS_MAX:]


def remembered(recent: Recent, at: int, amount_minor: int) -> Recent:
    """Put a payment in its place in time; beyond the limit, the oldest leaves."""
    place = bisect_right(recent.times, at)
    times = (*recent.times[:place], at, *recent.times[place:])
    amounts = (*recent.amounts[:place], amount_minor, *recent.amounts[place:])
    return Recent(times[-RECENT_MAX:], amounts[-RECENT_MAX:])


def learnt(habits: Habits, amount_minor: int, sellers: tuple[SellerId, ...], products: tuple[ProductId, ...]) -> Habits:
    """Take a payment for ordinary."""
    return Habits(
        payments=habits.payments + 1,
        sum_minor=habits.sum_minor + amount_minor,
        squares=habits.squares + amount_minor * amount_minor,
        largest_minor=max(habits.largest_minor, amount_minor),
        sellers=_seen(habits.sellers, sellers, SELLERS_MAX),
        products=_seen(habits.products, products, PRODUCTS_MAX),
    )


def _seen(known: tuple[Name, ...], names: tuple[Name, ...], limit: int) -> tuple[Name, ...]:
    """Add names at the end, where they leave last; a name has one place."""
    new = set(names)
    return (*(name for name in known if name not in new), *names)[-limit:]
