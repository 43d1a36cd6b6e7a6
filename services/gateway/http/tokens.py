"""Tokens (JWT, RFC 7519): whoever a trusted issuer says somebody is. Nothing a token says is believed unsigned.

Which algorithm checks a signature follows from the key alone, so none can be talked down to another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, get_args

import jwt

from market.language import TEXT_LENGTH_MAX
from services.gateway.http.issuer import ALGORITHMS, IssuerKeys, SigningKey
from services.gateway.http.keys import Principal, Scope
from services.gateway.http.problems import Problem

TOKEN_CHARS_MAX: Final = 8_000
KID_CHARS_MAX: Final = 200
LEEWAY_SECONDS: Final = 30
"""How far the issuer's clock and ours may be apart."""

_TAKEN: Final = frozenset(ALGORITHMS.values())
_OPTIONS: Final[Any] = {"require": ["iss", "aud", "exp", "iat"]}
_UNREADABLE: Final = ("token-unreadable", "this is no token that can be read")
_FAULTS: Final[Mapping[type[Exception], tuple[str, str]]] = {
    jwt.ExpiredSignatureError: ("token-expired", "this token has expired. Ask its issuer for another"),
    jwt.ImmatureSignatureError: ("token-early", "this token is not valid yet"),
    jwt.InvalidAudienceError: ("token-audience", "this token is meant for somebody else"),
    jwt.InvalidIssuerError: ("token-issuer", "this token is another issuer's"),
    jwt.InvalidSignatureError: ("token-signature", "the signature of this token is wrong"),
    jwt.MissingRequiredClaimError: ("token-claims", "this token should say iss, aud, exp and iat"),
}


@dataclass(frozen=True, slots=True)
class Tokens:
    """Reads the tokens of one issuer. The first of ``subjects`` that a token has says who somebody is."""

    keys: IssuerKeys
    issuer: str
    audience: str
    role: str
    subjects: Sequence[str]

    async def whose(self, text: str) -> Principal:
        """Whose token this is. Raises ``Problem`` that says what is wrong with it."""
        if len(text) > TOKEN_CHARS_MAX:
            raise _refused("token-too-large", f"this token is longer than {TOKEN_CHARS_MAX:,} characters")
        algorithm, kid = _header(text)
        if algorithm not in _TAKEN:
            raise _refused("token-algorithm", f"tokens are to be signed with one of {', '.join(sorted(_TAKEN))}")
        key = await self.keys.find(kid)
        if key is None:
            raise _refused("token-key", "this token is signed with a key that its issuer does not show")
        if key.algorithm != algorithm:
            raise _refused("token-algorithm", f"tokens under this key are to be signed with {key.algorithm}")
        return self._principal(self._claims(text, key))

    def _claims(self, text: str, key: SigningKey) -> Mapping[str, Any]:
        try:
            return jwt.decode(
                text,
                key.key,
                [key.algorithm],
                _OPTIONS,
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _refused(*_FAULTS.get(type(error), _UNREADABLE)) from None

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        role = claims.get(self.role)
        subject = next((claims[name] for name in self.subjects if name in claims), None)
        for scope in get_args(Scope):
            if scope == role and isinstance(subject, str) and _is_id(subject):
                return Principal(scope, subject)
        words = f"this token's '{self.role}' should be buyer, seller or operator, and '{self.subjects[0]}' an id"
        raise Problem(HTTPStatus.FORBIDDEN, "token-nobody", words)


def _header(text: str) -> tuple[Any, str | None]:
    """The algorithm and the key that a token names, which nobody has signed for yet."""
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _refused(*_UNREADABLE) from None
    kid = header.get("kid")
    if "crit" in header or not isinstance(header.get("alg"), str) or len(kid or "") > KID_CHARS_MAX:
        raise _refused(*_UNREADABLE)
    return header["alg"], kid


def _is_id(text: str) -> bool:
    is_text = text.encode(errors="ignore").decode() == text  # half a surrogate pair is none
    return is_text and 0 < len(text) <= TEXT_LENGTH_MAX and "\0" not in text


def _refused(kind: str, words: str) -> Problem:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(HTTPStatus.UNAUTHORIZED, kind, words, headers=headers)
