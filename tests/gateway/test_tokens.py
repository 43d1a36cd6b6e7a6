"""Tokens of a trusted issuer open what a key opens, and no token opens more, however it was made."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from services.gateway.http.tokens import LEEWAY_SECONDS, TOKEN_CHARS_MAX
from tests.gateway.client import Caller
from tests.gateway.conftest import OPERATOR, Gateway, free_port
from tests.gateway.issuer import AUDIENCE, Issuer, forged, part, pem, rsa_key
from tests.gateway.test_live import events

OURS = rsa_key()
"""A key of somebody who would like to be the issuer."""


@pytest.fixture(scope="module")
async def issuer() -> AsyncGenerator[Issuer]:
    issuer = Issuer(free_port())
    async with issuer.open():
        yield issuer


@pytest.fixture(scope="module")
async def trusting(gateway: Gateway, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[str]:
    """The address of a gateway that trusts the issuer."""
    log = tmp_path_factory.mktemp("trusting") / "gateway.log"
    told = {"AGORA_OIDC_ISSUER": issuer.url, "AGORA_OIDC_AUDIENCE": AUDIENCE, "AGORA_HTTP_STRANGERS": "1000"}
    async with gateway.another(log, **told) as trusting:
        yield trusting.url


@pytest.fixture
def holding(session: aiohttp.ClientSession, trusting: str) -> Callable[[str], Caller]:
    """Whoever holds a token, or a key."""
    return lambda token: Caller(session, trusting, token)


@pytest.mark.parametrize(("kid", "algorithm"), [("rsa", "RS256"), ("ec", "ES256"), ("ed", "EdDSA")])
async def test_a_token_opens_what_is_its_holders_and_nothing_else(
    kid: str, algorithm: str, issuer: Issuer, holding: Callable[[str], Caller]
) -> None:
    ann = holding(issuer.token(kid, algorithm))
    assert (await ann.look("/v1/buyers/ann/cart"))["buyer"] == "ann"
    for path in (
        "/v1/buyers/bob/cart",
        "/v1/sellers/ann/dashboard",
        "/v1/keys",
        "/v1/audit",
        "/v1/live?agent=buyers/b",
    ):
        answer = await ann.call("GET", path)
        assert (answer.status, answer.problem) == (403, "not-yours")


async def test_a_token_asks_and_follows_like_a_key(issuer: Issuer, holding: Callable[[str], Caller]) -> None:
    name = f"tok-{secrets.token_hex(4)}"
    operator = holding(issuer.token(agora_role="operator", sub="olga"))
    assert await operator.done("POST", "/v1/sellers", {"seller": name, "currency": "GBP"}) == "SellerRegistered.v1"
    assert (await operator.call("GET", "/v1/keys")).status == 200
    seller = holding(issuer.token("ec", "ES256", agora_role="seller", sub=name))
    listing = {"product": f"p-{name}", "prices_minor": [450], "stock": 1}
    assert await seller.done("POST", f"/v1/sellers/{name}/products", listing) == "ProductListed.v1"
    async with aclosing(events(seller, "", 0)) as following, asyncio.timeout(30):
        assert [(await anext(following))[1] for _ in range(3)][:2] == ["RegisterSeller.v1", "SellerRegistered.v1"]


async def test_a_key_and_a_token_of_the_same_agent_share_their_idempotency_keys(
    issuer: Issuer, holding: Callable[[str], Caller]
) -> None:
    made = await holding(OPERATOR).ask("POST", "/v1/keys", {"scope": "buyer", "agent": "ann"}, secrets.token_hex(8))
    name, body = secrets.token_hex(8), {"text": "hello"}
    by_key = await holding(made.body["key"]).ask("POST", "/v1/buyers/ann/messages", body, key=name)
    by_token = await holding(issuer.token()).ask("POST", "/v1/buyers/ann/messages", body, key=name)
    assert by_key.body["story"] == by_token.body["story"]


SOUND: dict[str, dict[str, Any]] = {
    "for several, of whom we are one": {"aud": ["https://elsewhere.example", AUDIENCE]},
    "named by agora_id rather than sub": {"agora_id": "ann", "sub": "8d1f"},
    "expired within the leeway": {"exp": "lately"},
    "not before now": {"nbf": 1},
}


@pytest.mark.parametrize("how", SOUND)
async def test_a_sound_token_opens(how: str, issuer: Issuer, holding: Callable[[str], Caller]) -> None:
    claims = SOUND[how] | ({"exp": int(time.time()) - 5} if "exp" in SOUND[how] else {})
    token = jwt.encode(issuer.claims(**claims), issuer.keys["ec"], "ES256", {"kid": "ec"})
    assert (await holding(token).call("GET", "/v1/buyers/ann/cart")).status == 200


FAR_AHEAD = 4_000_000_000
NESTED = b'{"alg":"RS256","a":' + b"[" * 2_000 + b"]" * 2_000 + b"}"

Attack = Callable[[Issuer], str]
UNSOUND: dict[str, tuple[str, Attack]] = {
    "no algorithm": ("token-algorithm", lambda of: forged({"alg": "none", "kid": "rsa"}, of.claims())),
    "none in other letters": ("token-algorithm", lambda of: forged({"alg": "nOnE", "kid": "rsa"}, of.claims())),
    "no algorithm named": ("token-unreadable", lambda of: forged({"kid": "rsa"}, of.claims())),
    "a secret that is the public key": (
        "token-algorithm",
        lambda of: forged({"alg": "HS256", "kid": "rsa"}, of.claims(), pem(of.keys["rsa"])),
    ),
    "the algorithm of another key": (
        "token-algorithm",
        lambda of: jwt.encode(of.claims(), of.keys["rsa"], "RS256", {"kid": "ec"}),
    ),
    "a longer hash than is taken": (
        "token-algorithm",
        lambda of: jwt.encode(of.claims(), of.keys["rsa"], "RS512", {"kid": "rsa"}),
    ),
    "somebody else's signature": (
        "token-signature",
        lambda of: jwt.encode(of.claims(), OURS, "RS256", {"kid": "rsa"}),
    ),
    "other claims than were signed": ("token-signature", lambda of: tampered(of.token(), of.claims(sub="bob"))),
    "no signature": ("token-signature", lambda of: of.token().rpartition(".")[0] + "."),
    "a key nobody knows": ("token-key", lambda of: jwt.encode(of.claims(), OURS, "RS256", {"kid": "ours"})),
    "no key named": ("token-key", lambda of: jwt.encode(of.claims(), of.keys["rsa"], "RS256")),
    "a key of its own": (
        "token-key",
        lambda of: jwt.encode(of.claims(), OURS, "RS256", {"kid": "x", "jwk": {"kty": "RSA"}, "jku": f"{of.url}/ours"}),
    ),
    "for somebody else": ("token-audience", lambda of: of.token(aud="https://elsewhere.example")),
    "for nobody": ("token-claims", lambda of: of.token(aud=None)),
    "of another issuer": ("token-issuer", lambda of: of.token(iss="https://elsewhere.example")),
    "of a longer issuer": ("token-issuer", lambda of: of.token(iss=f"{of.url}/other")),
    "of no issuer": ("token-claims", lambda of: of.token(iss=None)),
    "expired": ("token-expired", lambda of: of.token(exp=int(time.time()) - LEEWAY_SECONDS - 1)),
    "that never expires": ("token-claims", lambda of: of.token(exp=None)),
    "that expires at no time": ("token-unreadable", lambda of: of.token(exp="tomorrow")),
    "that expires in infinity": ("token-unreadable", lambda of: of.token(exp=float("inf"))),
    "for later": ("token-early", lambda of: of.token(nbf=FAR_AHEAD)),
    "issued later": ("token-early", lambda of: of.token(iat=FAR_AHEAD)),
    "issued at no time": ("token-claims", lambda of: of.token(iat=None)),
    "of a number": ("token-unreadable", lambda of: of.token(sub=7)),
    "beyond all measure": ("token-too-large", lambda of: of.token(more="x" * TOKEN_CHARS_MAX)),
    "nested beyond all measure": ("token-unreadable", lambda of: forged(NESTED, of.claims(), b"x")),
    "with what must be understood": (
        "token-unreadable",
        lambda of: jwt.encode(of.claims(), of.keys["rsa"], "RS256", {"kid": "rsa", "crit": ["b64"], "b64": False}),
    ),
    "that names a list of algorithms": ("token-unreadable", lambda of: forged({"alg": ["RS256"]}, of.claims(), b"x")),
    "that names a key by a number": ("token-unreadable", lambda _: forged({"alg": "RS256", "kid": 7}, {}, b"x")),
    "a list instead of claims": (
        "token-unreadable",
        lambda of: jwt.api_jws.encode(b"[]", of.keys["rsa"], "RS256", {"kid": "rsa"}),
    ),
    "three words": ("token-unreadable", lambda _: "no.token.this"),
    "three nothings": ("token-unreadable", lambda _: ".."),
}  # fmt: skip
NOBODY: dict[str, dict[str, Any]] = {
    "no role": {"agora_role": None},
    "a role that does not exist": {"agora_role": "administrator"},
    "a role in other letters": {"agora_role": "Operator"},
    "several roles": {"agora_role": ["operator"]},
    "nobody": {"sub": None},
    "a number": {"agora_id": 7},
    "nobody, for all that sub is somebody": {"agora_id": ""},
    "an id that is too long": {"sub": "x" * 101},
    "an id with a NUL": {"sub": "an\0n"},
    "an id that is no text": {"sub": "an\ud800n"},
}


def tampered(token: str, claims: object) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{part(claims)}.{signature}"


@pytest.mark.parametrize("attack", UNSOUND)
async def test_an_unsound_token_opens_nothing_and_is_told_why(
    attack: str, issuer: Issuer, holding: Callable[[str], Caller]
) -> None:
    problem, made = UNSOUND[attack]
    answer = await holding(made(issuer)).call("GET", "/v1/buyers/ann/cart")
    assert (answer.status, answer.problem) == (401, problem)
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("named", NOBODY)
async def test_a_token_that_names_nobody_here_opens_nothing(
    named: str, issuer: Issuer, holding: Callable[[str], Caller]
) -> None:
    answer = await holding(issuer.token(**NOBODY[named])).call("GET", "/v1/products")
    assert (answer.status, answer.problem) == (403, "token-nobody")


async def test_keys_are_taken_beside_tokens(holding: Callable[[str], Caller]) -> None:
    assert (await holding(OPERATOR).call("GET", "/v1/keys")).status == 200
    answer = await holding("agora_made-up").call("GET", "/v1/keys")
    assert (answer.status, answer.problem) == (401, "no-key")


async def test_where_no_issuer_is_trusted_no_token_is(issuer: Issuer, operator: Caller) -> None:
    holder = Caller(operator.session, operator.url, issuer.token(agora_role="operator"))
    answer = await holder.call("GET", "/v1/keys")
    assert (answer.status, answer.problem) == (401, "no-key")


async def test_while_the_issuer_is_away_keys_are_taken_and_tokens_are_once_it_is_back(
    gateway: Gateway, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    away = Issuer(free_port())
    told = {"AGORA_OIDC_ISSUER": away.url, "AGORA_OIDC_AUDIENCE": AUDIENCE}
    async with gateway.another(tmp_path / "gateway.log", **told) as second:
        holder, keyed = Caller(session, second.url, away.token()), Caller(session, second.url, OPERATOR)
        answer = await holder.call("GET", "/v1/buyers/ann/cart")
        assert (answer.status, answer.problem, answer.headers["retry-after"]) == (503, "issuer-away", "5")
        assert (await keyed.call("GET", "/v1/keys")).status == 200
        async with away.open(), asyncio.timeout(60):
            while (await holder.call("GET", "/v1/buyers/ann/cart")).status != 200:
                await asyncio.sleep(0.1)


async def test_a_reader_is_let_go_when_its_token_expires(issuer: Issuer, holding: Callable[[str], Caller]) -> None:
    soon: dict[str, Any] = {"exp": int(time.time()) - LEEWAY_SECONDS + 8}
    ann = holding(issuer.token(**soon))
    headers = {"Authorization": f"Bearer {ann.key}"}
    async with asyncio.timeout(60), ann.session.get(f"{ann.url}/v1/live", headers=headers) as response:
        assert response.status == 200
        await response.content.read()
