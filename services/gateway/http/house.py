"""What people may set of the front: where it listens, and how much it takes."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr

from agora.settings import Address, Variables

OPERATOR_KEY_CHARS_MIN: Final = 32


def _hard_to_guess(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < OPERATOR_KEY_CHARS_MIN:
        raise ValueError(f"should be {OPERATOR_KEY_CHARS_MIN} characters at least, made at random")
    return key


class House(Variables):
    """The house rules of the gateway. ``http`` is where it listens; every principal may ask ``http_rate`` a second.

    ``http_strangers`` is how often an address may ask without a sound key, in a second.
    """

    http: Address = "127.0.0.1:8080"
    http_rate: int = Field(default=200, ge=1, le=1_000_000)
    http_strangers: int = Field(default=20, ge=1, le=1_000_000)
    http_body_bytes: int = Field(default=512_000, ge=1_000, le=10_000_000)
    http_readers: int = Field(default=200, ge=1, le=10_000)
    feed_events: int = Field(default=2_000_000, ge=1_000)
    operator_key: Annotated[SecretStr, AfterValidator(_hard_to_guess)] | None = None

    @property
    def listens(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.http.rpartition(":")
        return host, int(port)
