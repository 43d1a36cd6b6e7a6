"""What every word of the marketplace has in common: its strings and lists have a limit."""

from typing import Annotated, Final, TypeAlias

from pydantic import ConfigDict, Field

from agora.event import Event

TEXT_LENGTH_MAX: Final = 100
"""Characters in any one id, token, currency or reason, so that a record stays far below Kafka's 1 MiB."""

PRICES_PER_PRODUCT_MAX: Final = 1_000

Count: TypeAlias = Annotated[int, Field(ge=0)]
"""A number of things or of updates, or an amount in minor units: never below zero."""
Positive: TypeAlias = Annotated[int, Field(ge=1)]
Prices: TypeAlias = Annotated[tuple[Count, ...], Field(min_length=1, max_length=PRICES_PER_PRODUCT_MAX)]
"""Every price, in minor units, at which a product may be sold; the first is the one quoted."""
AskedPrices: TypeAlias = Annotated[tuple[int, ...], Field(max_length=PRICES_PER_PRODUCT_MAX)]
"""Prices as a command gives them: unsound ones are refused by a decision."""


class MarketEvent(Event):
    """An event of this marketplace. Facts hold only sound values; commands hold any, to be refused with a reason."""

    model_config = ConfigDict(str_min_length=1, str_max_length=TEXT_LENGTH_MAX)
