"""The names of subjects. Each is a plain string on the wire and a type of its own in code."""

from typing import NewType

BuyerId = NewType("BuyerId", str)
SellerId = NewType("SellerId", str)
ProductId = NewType("ProductId", str)
TransactionId = NewType("TransactionId", str)
"""A transaction bears the id of the order it carries out."""
RequestId = NewType("RequestId", str)
