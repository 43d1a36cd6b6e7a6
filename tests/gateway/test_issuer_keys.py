"""An issuer's keys: asked for seldom, kept for a while, and only what can be trusted is."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from agora.settings import SettingsError
from console.children import module_path
from services.gateway.http.issuer import (
    BELIEVED_SECONDS_MAX,
    DOCUMENT_BYTES_MAX,
    FETCH_EVERY_SECONDS,
    KEYS_MAX,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    IssuerError,
    IssuerKeys,
    keys_of,
    read_keys,
)
from services.gateway.http.problems import Problem
from services.gateway.http.trust import NO_EXTRA, Trust
from tests.gateway.conftest import free_port
from tests.gateway.issuer import AUDIENCE, Issuer, jwk, rsa_key

OWN_PLACE = ["/realm/.well-known/openid-configuration", "/realm/keys"]


class Source:
    """Where keys come from: counts how often it is asked, and can be away. Its clock is set by hand."""

    def __init__(self, *kids: str) -> None:
        self.kids = list(kids)
        self.asked = 0
        self.is_away = False
        self.now = 50.0
        self._key = jwk(ec.generate_private_key(ec.SECP256R1()))

    async def fetch(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise IssuerError("away")
        return json.dumps({"keys": [self._key | {"kid": kid} for kid in self.kids]}).encode()

    def keys(self) -> IssuerKeys:
        return IssuerKeys(self.fetch, lambda: self.now)


async def is_away(keys: IssuerKeys, kid: str) -> bool:
    with pytest.raises(Problem) as raised:
        await keys.find(kid)
    return (raised.value.status, raised.value.kind) == (503, "issuer-away")


async def settled() -> None:
    """Let what goes on beside come to its end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_keys_are_asked_for_once_however_many_need_them() -> None:
    source = Source("one", "two")
    keys = source.keys()
    found = await asyncio.gather(*(keys.find(kid) for kid in ("one", "two") * 50))
    assert {key.kid for key in found if key} == {"one", "two"}
    assert source.asked == 1


async def test_a_new_key_is_asked_for_and_unknown_ones_once_a_minute_at_most() -> None:
    source = Source("old")
    keys = source.keys()
    assert await keys.find("old")
    source.kids.append("new")
    assert await keys.find("new") is None
    source.now += FETCH_EVERY_SECONDS - 0.1
    assert await keys.find("new") is None
    assert source.asked == 1
    source.now += 0.1
    assert await keys.find("new")
    for number in range(100):
        assert await keys.find(f"made up {number}") is None
    assert source.asked == 2


async def test_a_key_that_is_withdrawn_is_taken_no_more() -> None:
    source = Source("kept", "stolen")
    keys = source.keys()
    assert await keys.find("stolen")
    source.kids.remove("stolen")
    source.now += REFRESH_SECONDS + 1
    await keys.find("stolen")
    await settled()
    assert await keys.find("stolen") is None
    assert await keys.find("kept")


async def test_an_issuer_that_goes_away_is_believed_for_a_while_and_asked_again() -> None:
    source = Source("one")
    keys = source.keys()
    assert await keys.find("one")
    source.is_away = True
    source.now += REFRESH_SECONDS + 1
    assert await keys.find("one")
    await settled()
    assert await is_away(keys, "unknown")  # perhaps it is a new one: nobody can tell
    source.now += BELIEVED_SECONDS_MAX
    assert await is_away(keys, "one")
    asked = source.asked
    assert await is_away(keys, "one")
    assert source.asked == asked
    source.is_away = False
    source.now += RETRY_SECONDS
    assert await keys.find("one")


async def test_a_token_that_names_no_key_means_the_only_one() -> None:
    assert await Source("only").keys().find(None)
    assert await Source("one", "two").keys().find(None) is None


RSA = jwk(rsa_key())
EC = jwk(ec.generate_private_key(ec.SECP256R1()))
UNUSABLE: dict[str, Any] = {
    "short": jwk(rsa_key(1_024)),
    "symmetric": {"kty": "oct", "k": "c2VjcmV0"},
    "to encrypt with": RSA | {"use": "enc"},
    "of another algorithm": RSA | {"alg": "RS512"},
    "of another curve": jwk(ec.generate_private_key(ec.SECP384R1())),
    "not on its curve": EC | {"y": EC["x"]},
    "of a kind that is no text": RSA | {"kty": ["RSA"]},
    "without a modulus": {"kty": "RSA", "e": "AQAB"},
    "no object": "RSA",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_key_that_cannot_be_used_is_left_out(name: str) -> None:
    found = read_keys(json.dumps({"keys": [UNUSABLE[name], EC | {"kid": "good"}]}).encode())
    assert [(key.kid, key.algorithm) for key in found] == [("good", "ES256")]
    with pytest.raises(IssuerError):
        read_keys(json.dumps({"keys": [UNUSABLE[name]]}).encode())


def test_no_more_keys_are_read_than_an_issuer_can_need() -> None:
    assert len(read_keys(json.dumps({"keys": [EC] * (KEYS_MAX + 1)}).encode())) == KEYS_MAX


@pytest.mark.parametrize("document", [b"", b"no json", b"[]", b"{}", b'{"keys": 7}', b"[" * 100_000, b"\xff"])
def test_what_is_no_set_of_keys_is_refused(document: bytes) -> None:
    with pytest.raises(IssuerError):
        read_keys(document)


@pytest.fixture
async def issuer() -> AsyncGenerator[Issuer]:
    issuer = Issuer(free_port())
    async with issuer.open():
        yield issuer


async def test_keys_are_where_the_issuers_document_says_or_where_one_was_told(issuer: Issuer, tmp_path: Path) -> None:
    assert await keys_of(issuer.url, None).find("ed")
    assert issuer.asked == OWN_PLACE
    assert await keys_of(issuer.url, f"{issuer.url}/keys").find("ed")
    assert issuer.asked == [*OWN_PLACE, OWN_PLACE[1]]
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(issuer.key_set()))
    assert await keys_of("https://elsewhere.example", str(file)).find("ed")
    file.unlink()
    assert await is_away(keys_of("https://elsewhere.example", str(file)), "ed")


WRONG_ANSWERS: dict[str, tuple[str, Any]] = {
    "another issuer's document": (OWN_PLACE[0], {"issuer": "https://elsewhere.example", "jwks_uri": "https://x/y"}),
    "keys in the open": (OWN_PLACE[0], {"jwks_uri": "http://elsewhere.example/keys"}),
    "keys on this disk": (OWN_PLACE[0], {"jwks_uri": "file:///etc/keys"}),
    "no document": (OWN_PLACE[0], web.Response(status=500)),
    "keys elsewhere": (OWN_PLACE[1], web.Response(status=302, headers={"Location": "/realm/more"})),
    "too much": (OWN_PLACE[1], web.Response(text=" " * (DOCUMENT_BYTES_MAX + 1))),
}


@pytest.mark.parametrize("name", WRONG_ANSWERS)
async def test_an_issuer_that_answers_otherwise_than_it_should_is_away(issuer: Issuer, name: str) -> None:
    path, document = WRONG_ANSWERS[name]
    own = {"issuer": issuer.url} if path == OWN_PLACE[0] and isinstance(document, dict) else {}
    issuer.documents = {path: own | document if own else document, "/realm/more": issuer.key_set()}
    assert await is_away(keys_of(issuer.url, None), "ed")


ISSUER = "https://issuer.example"
WRONG_SETTINGS = [
    ({"AGORA_OIDC_ISSUER": ISSUER}, "AGORA_OIDC_AUDIENCE"),
    ({"AGORA_OIDC_AUDIENCE": AUDIENCE}, "AGORA_OIDC_ISSUER"),
    ({"AGORA_OIDC_ISSUER": "http://issuer.example", "AGORA_OIDC_AUDIENCE": AUDIENCE}, "AGORA_OIDC_ISSUER: "),
    ({"AGORA_OIDC_ISSUER": "issuer.example", "AGORA_OIDC_AUDIENCE": AUDIENCE}, "AGORA_OIDC_ISSUER: "),
    ({"AGORA_OIDC_ISSUER": f"{ISSUER}?a=b", "AGORA_OIDC_AUDIENCE": AUDIENCE}, "AGORA_OIDC_ISSUER: "),
    ({"AGORA_OIDC_JWKS": "http://issuer.example/keys"}, "AGORA_OIDC_JWKS: "),
    ({"AGORA_OIDC_JWKS": "/nowhere/keys.json"}, "AGORA_OIDC_JWKS: "),
]


@pytest.mark.parametrize(("variables", "named"), WRONG_SETTINGS)
def test_a_wrong_variable_is_named(variables: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=named):
        Trust.read()


def test_without_what_reads_tokens_an_issuer_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "jwt.py").write_text("raise ImportError")
    started = subprocess.run(
        [sys.executable, "-c", "from services.gateway.http.trust import Trust; Trust.read().tokens()"],
        env={
            "PYTHONPATH": os.pathsep.join([str(tmp_path), module_path()]),
            "AGORA_OIDC_ISSUER": ISSUER,
            "AGORA_OIDC_AUDIENCE": AUDIENCE,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.stderr.splitlines()[-1] == f"agora.settings.SettingsError: {NO_EXTRA}"
