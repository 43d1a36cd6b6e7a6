"""The tables: states, the inbox, the outbox, reminders, and the services' own rows. Every database has all of them."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """All tables' metadata."""


class AgentState(Base):
    """An agent's state as JSON."""

    __tablename__ = "agents"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ProcessedMessage(Base):
    """A message that was taken; the primary key refuses it a second time."""

    __tablename__ = "processed_messages"

    id: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text)


class OutboxMessage(Base):
    """A message to be published; deleted once it is."""

    __tablename__ = "outbox_messages"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    topic: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class Reminder(Base):
    """An event an agent will be told at ``due``."""

    __tablename__ = "reminders"

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    due: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


def _key(name: str) -> Column[Any]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


def _number(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


OWN_TABLES: Final = {
    table.name: table
    for table in (
        Table(
            "refused_orders",
            Base.metadata,
            Column("number", BigInteger, Identity(), primary_key=True),
            *(_text("buyer"), _text("transaction"), _text("reason"), _moment("refused_at")),
        ),
        Table(
            "open_orders",
            Base.metadata,
            *(_key("seller"), _key("transaction"), _number("amount_minor"), _text("currency"), _moment("opened_at")),
        ),
        Table(
            "sales",
            Base.metadata,
            *(_key("seller"), _key("transaction"), _number("payout_minor"), _number("fee_minor")),
            *(_text("currency"), _moment("settled_at")),
        ),
        Table(
            "ledger",
            Base.metadata,
            *(_key("transaction"), _key("posting"), Column("entry", BigInteger, primary_key=True)),
            *(_text("account"), _number("amount_minor"), _text("currency"), _moment("posted_at")),
        ),
    )
}
