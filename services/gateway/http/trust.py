"""Whose word is taken for who somebody is: an issuer of tokens (OpenID Connect), if one is set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from agora.settings import SettingsError, Variables
from services.gateway.http.urls import is_safe

if TYPE_CHECKING:
    from services.gateway.http.tokens import Tokens

NO_EXTRA: Final = "AGORA_OIDC_ISSUER: to read tokens takes PyJWT with cryptography: install agora[oidc], or unset it"


def _safe(url: str) -> str:
    if not is_safe(url) or "?" in url or "#" in url:
        raise ValueError("should be a URL that begins with https:// (http:// on this machine alone)")
    return url


def _safe_or_file(place: str) -> str:
    if "://" in place:
        return _safe(place)
    if not Path(place).is_file():
        raise ValueError("should be a URL that begins with https://, or a file")
    return place


class Trust(Variables):
    """The issuer whose tokens are taken, for whom they must be meant, and which claims say who somebody is.

    ``oidc_jwks`` is where its keys are, a URL or a file; without it the issuer's own document tells. Who somebody is
    says ``oidc_subject_claim``; without one, ``agora_id``, and ``sub`` where a token has none.
    """

    oidc_issuer: Annotated[str, AfterValidator(_safe)] | None = None
    oidc_audience: str | None = Field(default=None, max_length=500)
    oidc_jwks: Annotated[str, AfterValidator(_safe_or_file)] | None = None
    oidc_role_claim: str = Field(default="agora_role", max_length=200)
    oidc_subject_claim: str | None = Field(default=None, max_length=200)

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            raise ValueError("AGORA_OIDC_ISSUER and AGORA_OIDC_AUDIENCE should both be set, or neither")
        return self

    def tokens(self) -> "Tokens | None":
        """What reads the issuer's tokens; ``None`` where no issuer is set. Raises ``SettingsError``."""
        if self.oidc_issuer is None or self.oidc_audience is None:
            return None
        try:
            from services.gateway.http.issuer import keys_of  # noqa: PLC0415 - who takes no tokens carries none of it
            from services.gateway.http.tokens import Tokens  # noqa: PLC0415 - the same
        except ImportError:
            raise SettingsError(NO_EXTRA) from None
        subjects = (self.oidc_subject_claim,) if self.oidc_subject_claim else ("agora_id", "sub")
        keys = keys_of(self.oidc_issuer, self.oidc_jwks)
        return Tokens(keys, self.oidc_issuer, self.oidc_audience, self.oidc_role_claim, subjects)
