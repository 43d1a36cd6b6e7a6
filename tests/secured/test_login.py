"""Which variables say how a process gets into Kafka, and what it is told where they are wrong."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from agora.login import KafkaLogin, login, reach, security
from agora.settings import Settings, SettingsError
from console.output import Failure
from console.stack import market
from tests.secured.secured_kafka import being

USER = {"AGORA_KAFKA_USER": "agora-buyer", "AGORA_KAFKA_PASSWORD": "a-secret"}


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def test_without_any_variable_kafka_is_reached_in_the_clear() -> None:
    with being({}):
        assert reach("k:9092") == {
            "bootstrap_servers": "k:9092", "security_protocol": "PLAINTEXT", "ssl_context": None
        }  # fmt: skip
        assert security() is None


@pytest.mark.parametrize(
    ("variables", "protocol"),
    [
        (USER, "SASL_PLAINTEXT"),
        (USER | {"AGORA_KAFKA_TLS": "true"}, "SASL_SSL"),
        ({"AGORA_KAFKA_TLS": "true"}, "SSL"),
        ({"AGORA_KAFKA_TLS": "false"}, "PLAINTEXT"),
    ],
)
def test_a_user_gets_in_with_a_password_and_tls_is_asked_for(variables: dict[str, str], protocol: str) -> None:
    with being(variables):
        found, broker = reach("k:9092"), security()
    assert found["security_protocol"] == protocol
    assert (found["ssl_context"] is not None) == protocol.endswith("SSL")
    assert (broker is not None and broker.use_ssl) == protocol.endswith("SSL")
    given = [found.get(name) for name in ("sasl_mechanism", "sasl_plain_username", "sasl_plain_password")]
    assert given == (["SCRAM-SHA-512", "agora-buyer", "a-secret"] if protocol.startswith("SASL") else [None] * 3)


def test_a_certificate_is_checked_against_the_authority_that_was_named_and_no_other(ca: Path) -> None:
    with being({"AGORA_KAFKA_CA": str(ca)}):
        context = reach("k:9092")["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1


def test_the_password_may_lie_in_a_file_and_is_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "agora_kafka_password").write_text("a-secret")
    with being({"AGORA_KAFKA_USER": "agora-buyer"}), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGORA_SECRETS_DIR", str(tmp_path))
        assert reach("k:9092")["sasl_plain_password"] == "a-secret"  # noqa: S105
        assert "a-secret" not in f"{login()!r} {login()}"


def test_the_login_is_read_once() -> None:
    with being(USER), pytest.MonkeyPatch.context() as patch:
        first = login()
        patch.setenv("AGORA_KAFKA_USER", "somebody-else")
        assert login() is first


UNSOUND: dict[str, tuple[Callable[[Path], dict[str, str]], str]] = {
    "a user alone": (lambda _: {"AGORA_KAFKA_USER": "a"}, "AGORA_KAFKA_PASSWORD: should be set as well"),
    "a password alone": (lambda _: {"AGORA_KAFKA_PASSWORD": "a-secret"}, "Set AGORA_KAFKA_USER as well"),
    "no such file": (lambda path: {"AGORA_KAFKA_CA": f"{path}/x.pem"}, "AGORA_KAFKA_CA: .*No such file"),
    "a folder": (lambda path: {"AGORA_KAFKA_CA": str(path)}, "AGORA_KAFKA_CA: .*directory"),
    "no certificate": (lambda path: {"AGORA_KAFKA_CA": str(_written(path, "hello"))}, "AGORA_KAFKA_CA: .*holds none"),
    "neither yes nor no": (lambda _: {"AGORA_KAFKA_TLS": "perhaps"}, "AGORA_KAFKA_TLS"),
}


@pytest.mark.parametrize("what", UNSOUND)
def test_what_cannot_be_right_is_named_with_its_variable_and_no_secret(what: str, tmp_path: Path) -> None:
    variables, words = UNSOUND[what]
    with being(variables(tmp_path)), pytest.raises(SettingsError, match=words) as caught:
        KafkaLogin.read()
    assert "a-secret" not in str(caught.value)


async def test_a_login_for_a_kafka_that_nobody_named_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, kafka=None, postgres=None)
    with being(USER), pytest.raises(Failure, match="AGORA_KAFKA names"):
        async with market("test", settings, lambda _: None, {}, fresh=False):
            pass
    assert not (tmp_path / "test" / "postgres").exists()


def _written(folder: Path, text: str) -> Path:
    path = folder / "ca.pem"
    path.write_text(text)
    return path
