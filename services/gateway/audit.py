"""What the gateway's database can prove: which requests it let in."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final[tuple[Check, ...]] = ()
FIGURES: Final = (
    Figure(
        "checkouts accepted by key",
        "SELECT key, 1::bigint FROM requests WHERE kind = 'CheckOut.v1' AND refusal IS NULL",
    ),
)
