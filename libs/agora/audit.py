"""What a service's own database can prove about itself, and what two services must agree on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """``sql`` returns one row ``(count bigint)``: the violations found. Sound is 0."""

    name: str
    sql: str


@dataclass(frozen=True, slots=True)
class Figure:
    """``sql`` returns rows ``(key text, value bigint)``, at most one per key."""

    name: str
    sql: str
