"""Events whose first version has a successor."""

from agora.event import Subject
from market.ids import ProductId, TransactionId
from market.language import MarketEvent
from market.streams import TRANSACTIONS


class StockRefused(MarketEvent):
    """The product promises the transaction nothing."""

    transaction: TransactionId
    product: ProductId
    reason: str

    def concerns(self) -> tuple[Subject, ...]:
        """Address the transaction."""
        return (TRANSACTIONS(self.transaction),)
