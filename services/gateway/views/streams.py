"""Which streams there are to hear."""

from typing import Final

from agora.event import Stream
from market.streams import BUYERS, PRODUCTS, SELLERS, SHIPMENTS, TRANSACTIONS

AGENTS: Final[tuple[Stream, ...]] = (BUYERS, SELLERS, PRODUCTS, TRANSACTIONS, SHIPMENTS)
"""Those whose subjects are agents of the marketplace."""
