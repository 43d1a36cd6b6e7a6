"""What the log proves of those who look at payments: each is scored and confirmed once, and no hold is forgotten."""

from collections import Counter
from collections.abc import Mapping

from agora.audit import Said
from agora.event import Event, Stream
from market.audit_balance import Balance
from market.ids import TransactionId
from market.messages import ConfirmationComposed
from market.risks import FraudScored, TransactionFlagged
from market.streams import BUYERS, TRANSACTIONS
from market.transactions import HoldRefused, PaymentSucceeded, PayoutCleared, PayoutHeld, PayoutRejected


class Reviews:
    """A payment gets one score and one confirmation; a flag is answered once, and a held payout gets one verdict."""

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        BUYERS: (ConfirmationComposed,),
        TRANSACTIONS: (
            PaymentSucceeded,
            FraudScored,
            TransactionFlagged,
            PayoutHeld,
            HoldRefused,
            PayoutCleared,
            PayoutRejected,
        ),
    }

    def __init__(self) -> None:
        self._scores = Balance[TransactionId]()
        self._confirmations = Balance[TransactionId]()
        self._flags = Balance[TransactionId]()
        self._holds = Balance[TransactionId]()
        self._flagged = Counter[str]()

    def hear(self, said: Said) -> None:
        """Take in one event."""
        match said.event:
            case PaymentSucceeded(transaction=transaction):
                self._scores.asked(transaction)
                self._confirmations.asked(transaction)
            case FraudScored(transaction=transaction):
                self._scores.answered(transaction)
            case ConfirmationComposed(transaction=transaction):
                self._confirmations.answered(transaction)
            case TransactionFlagged(transaction=transaction):
                self._flagged[transaction] += 1
                self._flags.asked(transaction)
            case PayoutHeld(transaction=transaction):
                self._flags.answered(transaction)
                self._holds.asked(transaction)
            case HoldRefused(transaction=transaction):
                self._flags.answered(transaction)
            case PayoutCleared(transaction=transaction) | PayoutRejected(transaction=transaction):
                self._holds.answered(transaction)
            case _:
                raise TypeError(said.event)

    def checks(self) -> Mapping[str, int]:
        """Count transactions, each once per check."""
        return {
            "payments without exactly one fraud score": self._scores.uneven,
            "payments without exactly one confirmation": self._confirmations.uneven,
            "flagged payments neither held nor refused a hold exactly once": self._flags.uneven,
            "held payouts without exactly one verdict": self._holds.uneven,
        }

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Give the flags by transaction."""
        return {"flagged by transaction": self._flagged}
