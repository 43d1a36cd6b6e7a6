"""The AGORA_ variables: each wrong one is named."""

import pytest

from agora.settings import Settings, SettingsError

VARIABLES = ("HOME", "KAFKA", "POSTGRES", "NAMESPACE", "PARTITIONS", "DATABASE")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"AGORA_{name}", raising=False)


def test_with_nothing_set_the_product_runs_its_own_servers() -> None:
    settings = Settings.read()
    assert (settings.kafka, settings.postgres, settings.database) == (None, None, None)
    assert (settings.namespace, settings.partitions) == ("", 8)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA", "localhost"),
        ("KAFKA", "kafka://localhost:9092"),
        ("POSTGRES", "mysql://localhost/x"),
        ("NAMESPACE", "Test-1"),
        ("PARTITIONS", "0"),
        ("PARTITIONS", "many"),
        ("DATABASE", "localhost"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"AGORA_{name}", value)
    with pytest.raises(SettingsError, match=f"^AGORA_{name}: "):
        Settings.read()


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_KAFKA", "")
    assert Settings.read().kafka is None


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_POSTGRES", "postgresql://root:hush@db:5432/postgres")
    assert "hush" not in repr(Settings.read())
