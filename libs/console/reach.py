"""Which gateway to trade at over HTTP, under whose key."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from agora.settings import Port, Variables


def http_url(value: str) -> str:
    """A gateway's address. Raises ``ValueError``."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or parts.query:
        raise ValueError("should be a URL such as http://localhost:8080, without a user or a key in it")
    return value.rstrip("/")


class Reach(Variables):
    """Which gateway to trade at, under whose key; how fast to trade for ever, and where to be watched at that."""

    url: Annotated[str, AfterValidator(http_url)] | None = None
    key: SecretStr | None = None
    trade_per_second: float = Field(default=2.0, gt=0, le=1_000)
    watch: Port | None = None
