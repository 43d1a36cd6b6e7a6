"""An issuer of tokens on this machine, with real keys, and whoever forges its tokens."""

import base64
import hmac
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeAlias

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://agora.example"
HOUR_SECONDS = 3_600

Private: TypeAlias = "rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey"


def rsa_key(bits: int = 2_048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


@dataclass
class Issuer:
    """Signs with a key of each kind; ``url`` is known once it is open."""

    port: int
    keys: dict[str, Private] = field(default_factory=dict[str, Private])
    asked: list[str] = field(default_factory=list[str])
    documents: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.keys |= {
            "rsa": rsa_key(),
            "ec": ec.generate_private_key(ec.SECP256R1()),
            "ed": ed25519.Ed25519PrivateKey.generate(),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/realm"

    def key_set(self) -> dict[str, Any]:
        """What it shows of its keys."""
        return {"keys": [jwk(key) | {"kid": kid, "use": "sig"} for kid, key in self.keys.items()]}

    def claims(self, **changed: object) -> dict[str, Any]:
        """Ann's claims; what is changed to ``None`` is left out."""
        now = int(time.time())
        usual = {"iss": self.url, "aud": AUDIENCE, "iat": now, "exp": now + HOUR_SECONDS, "sub": "ann"}
        claims = usual | {"agora_role": "buyer"} | changed
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, kid: str = "rsa", algorithm: str = "RS256", **changed: object) -> str:
        """A token that it has signed."""
        return jwt.encode(self.claims(**changed), self.keys[kid], algorithm, {"kid": kid})

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Answer whoever asks for its document and its keys."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        usual: dict[str, Any] = {
            "/realm/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/realm/keys": self.key_set(),
        }
        document = (usual | self.documents).get(request.path)
        if isinstance(document, web.Response):
            return document
        return web.Response(status=404) if document is None else web.json_response(document)


def jwk(key: Private) -> dict[str, Any]:
    match key:
        case rsa.RSAPrivateKey():
            return dict(RSAAlgorithm.to_jwk(key.public_key(), as_dict=True))
        case ec.EllipticCurvePrivateKey():
            return dict(ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
        case ed25519.Ed25519PrivateKey():
            return dict(OKPAlgorithm.to_jwk(key.public_key(), as_dict=True))


def pem(key: Private) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def part(said: object) -> str:
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forged(header: Mapping[str, Any] | bytes, claims: object, secret: bytes | None = None) -> str:
    """A token put together by hand, signed with a secret if there is one."""
    signed = f"{part(header)}.{part(claims)}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), sha256)) if secret else ''}"
