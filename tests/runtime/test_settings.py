"""The AGORA_ variables: each wrong one is named."""

from traceback import format_exception

import pytest
from pydantic import Field, Secret, ValidationError

from agora.settings import HouseRules, Settings, SettingsError

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
        ("NAMESPACE", "1st"),
        ("NAMESPACE", "a\n"),
        ("NAMESPACE", "a" * 17),
        ("PARTITIONS", "0"),
        ("PARTITIONS", "many"),
        ("DATABASE", "localhost"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"AGORA_{name}", value)
    with pytest.raises(SettingsError, match=f"^AGORA_{name}: should be "):
        Settings.read()


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_KAFKA", "")
    assert Settings.read().kafka is None


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_POSTGRES", "postgresql://root:hush@db:5432/postgres")
    assert "hush" not in repr(Settings.read())


@pytest.mark.parametrize("name", ["POSTGRES", "DATABASE"])
def test_a_wrong_address_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"AGORA_{name}", "mysql://root:hush@db:3306/x")
    with pytest.raises(SettingsError) as refused:
        Settings.read()
    assert "hush" not in "".join(format_exception(refused.value))
    with pytest.raises(ValidationError) as raw:
        Settings()
    assert "hush" not in str(raw.value)


class Shop(HouseRules):
    """Rules of every sort: two that only its policy compares, and a number nobody may see."""

    shop_opens: int = Field(default=8, ge=0, lt=24)
    shop_closes: int | None = Field(default=None, gt=0, le=24)
    shop_code: int = Field(default=1, ge=1, repr=False)
    shop_pin: Secret[int] | None = None
    shop_warmth: float = 20.0

    def policy(self) -> range:
        if self.shop_closes is not None and self.shop_closes <= self.shop_opens:
            raise ValueError("a shop opens before it closes")
        return range(self.shop_opens, self.shop_closes or 24)


def test_what_is_wrong_together_is_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_SHOP_OPENS", "9")
    monkeypatch.setenv("AGORA_SHOP_CLOSES", "9")
    with pytest.raises(SettingsError, match=r"^AGORA_SHOP_OPENS, AGORA_SHOP_CLOSES: a shop opens before it closes$"):
        Shop.read()


def test_every_wrong_variable_is_told_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_SHOP_OPENS", "24")
    monkeypatch.setenv("AGORA_SHOP_CLOSES", "late")
    with pytest.raises(SettingsError) as refused:
        Shop.read()
    assert str(refused.value) == (
        "AGORA_SHOP_OPENS: should be a whole number from 0 below 24, not '24'; "
        "AGORA_SHOP_CLOSES: should be a whole number above 0 up to 24, not 'late'"
    )


@pytest.mark.parametrize("name", ["SHOP_CODE", "SHOP_PIN"])
def test_a_secret_number_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"AGORA_{name}", "hush")
    with pytest.raises(SettingsError, match=f"^AGORA_{name}: should be") as refused:
        Shop.read()
    assert "hush" not in "".join(format_exception(refused.value))


@pytest.mark.parametrize("wrong", ["nan", "inf", "warm"])
def test_a_number_without_limits_is_still_a_number(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("AGORA_SHOP_WARMTH", wrong)
    with pytest.raises(SettingsError, match=f"^AGORA_SHOP_WARMTH: should be a number, not '{wrong}'$"):
        Shop.read()


def test_what_is_shown_of_a_wrong_number_is_short_and_printable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_SHOP_OPENS", "\x1b[2J" + "9" * 100_000)
    with pytest.raises(SettingsError) as refused:
        Shop.read()
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200
