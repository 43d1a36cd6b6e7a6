"""What the concierge has done outside of its turns."""

from agora.activity import Task
from market.ids import BuyerId, TransactionId
from market.messages import Tone


class WordConfirmation(Task):
    """Say the words of a confirmation better than the template does. They are as shown: escaped for HTML."""

    buyer: BuyerId
    transaction: TransactionId
    tone: Tone
    subject: str
    text: str
