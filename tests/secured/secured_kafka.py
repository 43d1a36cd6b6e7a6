"""A real Kafka behind TLS and passwords, in which nobody may do anything that was not granted."""

import asyncio
import os
import secrets
import shlex
import ssl
from argparse import ArgumentParser
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from agora.embedded import EmbeddedKafka
from agora.embedded.kafka import Listener
from agora.login import login, reach

ADMIN: Final = "admin"
HOST: Final = "127.0.0.1"
SECONDS_MAX: Final = 20
KINDS: Final = {"topic": 2, "group": 3}  # as Kafka numbers them on the wire
OPERATIONS: Final = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
ANY, LITERAL, PREFIXED, ALLOW = 1, 3, 4, 3


class Acl(NamedTuple):
    """One right, as Kafka is told of it."""

    user: str
    operation: str
    kind: str
    name: str
    prefixed: bool


@dataclass
class Guarded:
    """The server, its users' passwords, and the authority its certificate is from."""

    server: EmbeddedKafka
    passwords: Mapping[str, str]
    ca: Path

    @property
    def address(self) -> str:
        return self.server.bootstrap

    def variables(self, user: str) -> dict[str, str]:
        """What a process that is this user is started with."""
        return {
            "AGORA_KAFKA": self.address,
            "AGORA_KAFKA_USER": user,
            "AGORA_KAFKA_PASSWORD": self.passwords[user],
            "AGORA_KAFKA_CA": str(self.ca),
        }

    @asynccontextmanager
    async def client(self, user: str) -> AsyncGenerator[AIOKafkaAdminClient]:
        """A client that asks whatever it likes, as this user."""
        with being(self.variables(user)):
            admin = AIOKafkaAdminClient(**reach(self.address))
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    async def allow(self, *acls: Acl) -> None:
        """Grant rights; return when they count."""
        async with self.client(ADMIN) as admin:
            answers = await asyncio.gather(*(asked(admin, CreateAclsRequest(*fields(acl))) for acl in acls))
            assert {error for answer in answers for error, *_ in answer.creation_responses} == {0}
            await asyncio.gather(*(self._until(admin, acl, there=True) for acl in acls))

    async def forbid(self, *acls: Acl) -> None:
        """Take rights back; return when they no longer count."""
        async with self.client(ADMIN) as admin:
            for acl in acls:
                answer = await asked(admin, DeleteAclsRequest(*fields(acl)))
                ((error, _, matching),) = answer.filter_responses
                assert (error, len(matching)) == (0, 1), acl
                await self._until(admin, acl, there=False)

    async def _until(self, admin: AIOKafkaAdminClient, acl: Acl, *, there: bool) -> None:
        """The broker that is asked learns of it a moment after the controller has taken it."""
        async with asyncio.timeout(SECONDS_MAX):
            while bool((await asked(admin, DescribeAclsRequest(*fields(acl)))).resources) != there:
                await asyncio.sleep(0.005)


async def asked(client: AIOKafkaAdminClient, request: Any) -> Any:
    """What Kafka answers to a request, be it one that no client of ours would send."""
    return await client._send_request(request)  # pyright: ignore[reportPrivateUsage] - there is no public way


@contextmanager
def being(variables: Mapping[str, str]) -> Generator[None]:
    """Be in this process whoever these variables say."""
    names = [name for name in os.environ if name.startswith("AGORA_KAFKA")]
    before = {name: os.environ.pop(name) for name in names}
    os.environ.update(variables)
    login.cache_clear()
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)
        login.cache_clear()


@contextmanager
def guarded_kafka(directory: Path, users: Iterable[str]) -> Generator[Guarded]:
    """Start one that knows these users, with passwords made at random, and an administrator."""
    authority = trustme.CA()
    passwords = {user: secrets.token_urlsafe(18) for user in (*users, ADMIN)}
    directory.mkdir()
    ca = directory / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    listener = Listener(
        "SASL_SSL",
        _settings(authority, directory, ca, passwords[ADMIN]),
        tuple(
            word
            for user, password in passwords.items()
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]")
        ),
        tls=_trusting(authority),
    )
    guarded = Guarded(EmbeddedKafka(directory / "kafka", listener=listener), passwords, ca)
    try:
        guarded.server.start()
        yield guarded
    finally:
        guarded.server.stop()


def acls_of(script: str) -> list[Acl]:
    """The rights that lines for kafka-acls.sh give, read as that reads them."""
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--command-config", required=True)
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", choices=OPERATIONS, required=True)
    parser.add_argument("--resource-pattern-type", choices=("literal", "prefixed"), default="literal")
    for kind in KINDS:
        parser.add_argument(f"--{kind}", action="append", default=[])
    found: list[Acl] = []
    for line in script.splitlines():
        command, *words = shlex.split(line)
        assert command == "kafka-acls.sh"
        given = parser.parse_args(words)
        kind, user = given.allow_principal.split(":")
        assert kind == "User"
        found += [
            Acl(user, operation, kind, name, given.resource_pattern_type == "prefixed")
            for operation in given.operation
            for kind in KINDS
            for name in getattr(given, kind)
        ]
    return found


def fields(acl: Acl) -> tuple[int, str, int, str, str, int, int]:
    """A right as it goes over the wire."""
    pattern = PREFIXED if acl.prefixed else LITERAL
    return KINDS[acl.kind], acl.name, pattern, f"User:{acl.user}", "*", OPERATIONS[acl.operation], ALLOW


def _settings(authority: trustme.CA, directory: Path, ca: Path, password: str) -> dict[str, str]:
    """Deny by default. Within the server, whose other port is not a client's, nobody has a name."""
    store = directory / "server.pem"
    certificate = authority.issue_cert(HOST)
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    store.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    )
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return {
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
            f'{scram} required username="{ADMIN}" password="{password}";'
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{ADMIN};User:ANONYMOUS",
    }


def _trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
