"""How a process gets into Kafka: its user and password (SASL/SCRAM-SHA-512), and the authorities it trusts (TLS).

Every client of Kafka is made with what ``reach`` or ``security`` gives; with nothing set, that is plaintext.
"""

import asyncio
import ssl
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiokafka import errors
from aiokafka.conn import create_conn
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from agora.settings import Variables

if TYPE_CHECKING:
    from faststream.security import BaseSecurity

MECHANISM: Final = "SCRAM-SHA-512"
PROBE_SECONDS_MAX: Final = 5

_GRANT: Final = "What each process needs is shown by: agora grants; it is given with the lines of: agora grants --kafka"
_MEANINGS: Final[tuple[tuple[tuple[type[Exception], ...], str], ...]] = (
    ((errors.TopicAuthorizationFailedError,), "Kafka does not let {who} use the topic {named} in this way. " + _GRANT),
    ((errors.GroupAuthorizationFailedError,), "Kafka does not let {who} join the group {named}. " + _GRANT),
    ((errors.ClusterAuthorizationFailedError,), "Kafka lets {who} write no topic, or make none. " + _GRANT),
    (
        (errors.SaslAuthenticationFailed, errors.AuthenticationFailedError),
        "Kafka does not know {who} by this password. Check AGORA_KAFKA_USER and AGORA_KAFKA_PASSWORD",
    ),
    (
        (errors.UnsupportedSaslMechanismError, errors.IllegalSaslStateError),
        f"Kafka takes no {MECHANISM} here, which AGORA_KAFKA_USER means. Check AGORA_KAFKA",
    ),
    ((errors.UnknownTopicOrPartitionError,), "there is no topic {named} yet; it is made by: agora topics"),
    ((ssl.SSLError,), "Kafka's certificate is not trusted. Check AGORA_KAFKA_CA and AGORA_KAFKA: {error}"),
    ((errors.KafkaConnectionError,), "{kind}"),
    ((OSError,), "{kind}: {error}"),
)


class KafkaLogin(Variables):
    """The variables that say who this process is in Kafka, and whom it believes to be Kafka.

    ``kafka_ca`` is a PEM file of authorities and means TLS; ``kafka_tls`` means TLS with the system's own.
    """

    kafka_user: str | None = None
    kafka_password: SecretStr | None = Field(default=None, repr=False, validate_default=True)
    kafka_ca: Path | None = None
    kafka_tls: bool = False

    @field_validator("kafka_ca")
    @classmethod
    def _readable(cls, ca: Path | None) -> Path | None:
        if ca is not None:
            _context(ca)
        return ca

    @field_validator("kafka_password")
    @classmethod
    def _both_or_neither(cls, password: SecretStr | None, others: ValidationInfo) -> SecretStr | None:
        user = others.data.get("kafka_user")
        if password is None and user is not None:
            raise ValueError("should be set as well, as AGORA_KAFKA_USER is: Kafka knows a process by both")
        if password is not None and user is None:
            raise ValueError("is whose? Set AGORA_KAFKA_USER as well: Kafka knows a process by both")
        return password

    @property
    def is_plain(self) -> bool:
        """Whether nothing is set: nobody by name, and in the clear."""
        return self.kafka_user is None and self.context() is None

    @property
    def who(self) -> str:
        """The user's name, for people."""
        return f"the user '{self.kafka_user}'" if self.kafka_user else "whoever gives no name (AGORA_KAFKA_USER)"

    def context(self) -> ssl.SSLContext | None:
        """What checks Kafka's certificate; ``None`` without TLS."""
        return _context(self.kafka_ca) if self.kafka_ca or self.kafka_tls else None


@cache
def login() -> KafkaLogin:
    """The login of this process, read once; ``login.cache_clear()`` has it read anew. Raises ``SettingsError``."""
    return KafkaLogin.read()


def reach(address: str) -> dict[str, Any]:
    """What every client of Kafka at ``address`` is made with. Raises ``SettingsError``."""
    entry = login()
    context = entry.context()
    found: dict[str, Any] = {
        "bootstrap_servers": address,
        "security_protocol": _protocol(entry),
        "ssl_context": context,
    }
    if entry.kafka_password is None:
        return found
    return found | {
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": entry.kafka_user,
        "sasl_plain_password": entry.kafka_password.get_secret_value(),
    }


def security() -> "BaseSecurity | None":
    """The same for a broker of FastStream. Raises ``SettingsError``."""
    from faststream.security import BaseSecurity, SASLScram512  # noqa: PLC0415 - only services carry it

    entry = login()
    context = entry.context()
    if entry.kafka_user is None or entry.kafka_password is None:
        return BaseSecurity(context) if context else None
    password = entry.kafka_password.get_secret_value()
    return SASLScram512(entry.kafka_user, password, context, use_ssl=context is not None)


def meaning(error: BaseException) -> str:
    """What a failure of Kafka means in plain words: who was refused what, and what to do about it."""
    kind = type(error).__name__
    words = next((words for kinds, words in _MEANINGS if isinstance(error, kinds)), "{error}")
    return words.format(who=login().who, named=_named(error), kind=kind, error=error)


async def why(error: BaseException, address: str) -> str:
    """The same, where a client only says that it could not connect: one more connection is made to see what happens."""
    if not isinstance(error, errors.KafkaConnectionError) or login().is_plain:
        return meaning(error)
    entry = reach(address.partition(",")[0])
    host, _, port = entry.pop("bootstrap_servers").rpartition(":")
    try:
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            probe = await create_conn(host, int(port), request_timeout_ms=PROBE_SECONDS_MAX * 1000, **entry)
    except (errors.KafkaError, OSError, TimeoutError) as cause:
        return meaning(cause)
    probe.close()
    return meaning(error)


def _protocol(entry: KafkaLogin) -> str:
    if entry.kafka_user is None:
        return "SSL" if entry.context() else "PLAINTEXT"
    return "SASL_SSL" if entry.context() else "SASL_PLAINTEXT"


@cache
def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise ValueError(f"should be a PEM file of certificates, and {ca} holds none") from None
    except OSError as error:
        raise ValueError(f"should be a PEM file of certificates, and {ca} cannot be read: {error.strerror}") from None


def _named(error: BaseException) -> str:
    """What an error is about: a name, several, or a sentence that ends with one; nothing where it does not say."""
    (about,) = error.args[:1] or ("",)
    names = sorted(about) if isinstance(about, set | frozenset | list | tuple) else [str(about).rpartition(" ")[2]]
    return ", ".join(f"'{name}'" for name in names if name) or "it asked for"
