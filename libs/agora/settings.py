"""The AGORA_ variables, read in one way and checked: where things are, and the base of every service's house rules."""

import os
import re
from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, Final, Self

from platformdirs import user_cache_path
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from agora.shares import Share

PREFIX: Final = "AGORA_"
SECRETS_FOLDER: Final = "AGORA_SECRETS_DIR"
SECRETS_FOLDER_DEFAULT: Final = "/run/secrets"
PARTITIONS_MAX: Final = 512
PORT_MAX: Final = 65_535
TURN_SECONDS: Final = 10
STOP_SECONDS: Final = 15
STOP_SECONDS_MAX: Final = 3_600
NAMESPACE_LENGTH_MAX: Final = 16  # leaves room for a service's name in the 63 bytes of a PostgreSQL identifier
SHOWN_LENGTH_MAX: Final = 40
NUMBERS: Final[dict[Any, str]] = {
    int: "a whole number",
    int | None: "a whole number",
    float: "a number",
    float | None: "a number",
}
LIMITS: Final = {"ge": "from", "gt": "above", "le": "up to", "lt": "below"}


class SettingsError(ValueError):
    """A variable of the environment is wrong; names it."""


class Variables(BaseSettings):
    """Some variables of the environment: the field ``x`` is ``AGORA_X``. An empty one counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        env_ignore_empty=True,
        extra="ignore",
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the folder of secrets: the file ``agora_x`` is ``AGORA_X``."""
        folder = _secrets_folder()
        files = (SecretsSettingsSource(settings_cls, folder),) if folder else ()
        return init_settings, env_settings, *files

    @classmethod
    def read(cls) -> Self:
        """Read the environment. Raises ``SettingsError`` that names every wrong variable and says what it should be."""
        try:
            return cls()
        except ValidationError as error:
            faults = [_fault(cls, part) for part in error.errors()]
        raise SettingsError("; ".join(faults))  # out here, so that it carries no error that holds the values


class HouseRules(Variables):
    """What a service lets people set. Its policy is made at once, so that what the policy refuses is named as well."""

    @abstractmethod
    def policy(self) -> Any:
        """The rules as its decision knows them. Raises ``ValueError``."""

    @model_validator(mode="after")
    def _make_a_policy(self) -> Self:
        self.policy()
        return self


def _address(value: str) -> str:
    if not all(re.fullmatch(r"[^\s,:/]+:\d{1,5}", part) for part in value.split(",")):
        raise ValueError("should be host:port, or several with commas between")
    return value


def _port(value: str) -> str:
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s,:/\[\]]+):(\d{1,5})", value)
    if not found or int(found[2]) > PORT_MAX:
        raise ValueError(f"should be host:port, with a port up to {PORT_MAX}; port 0 is any that is free")
    return value


def _postgres_url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("should be a URL such as postgresql://user:password@host:5432/postgres")
    return value


def _namespace(value: str) -> str:
    if not re.fullmatch(r"([a-z][a-z0-9_]*)?", value) or len(value) > NAMESPACE_LENGTH_MAX:
        raise ValueError(
            f"should be {NAMESPACE_LENGTH_MAX} characters at most, a to z, 0 to 9 and _, of which the first is a letter"
        )
    return value


def _share(value: str) -> str:
    return str(Share.parse(value, PARTITIONS_MAX))


Address = Annotated[str, AfterValidator(_address)]
Port = Annotated[str, AfterValidator(_port)]
PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]
Namespace = Annotated[str, AfterValidator(_namespace)]
ShareText = Annotated[str, AfterValidator(_share)]


class Settings(Variables):
    """One process's settings. With ``kafka`` or ``postgres`` unset, the product runs its own."""

    home: Path = Field(default_factory=lambda: user_cache_path("agora"))
    kafka: Address | None = None
    postgres: PostgresUrl | None = Field(default=None, repr=False)
    namespace: Namespace = ""
    partitions: int = Field(default=8, ge=1, le=PARTITIONS_MAX)
    database: PostgresUrl | None = Field(default=None, repr=False)
    watch: Port | None = None
    turn_seconds: int = Field(default=TURN_SECONDS, ge=1)
    stop_seconds: int = Field(default=STOP_SECONDS, ge=2, le=STOP_SECONDS_MAX)
    share: ShareText | None = None

    @model_validator(mode="after")
    def _end_a_turn_before_the_process(self) -> Self:
        if self.turn_seconds >= self.stop_seconds:
            raise ValueError(
                f"should be in this order: AGORA_TURN_SECONDS ({self.turn_seconds}) is what a turn batch may take, and "
                f"AGORA_STOP_SECONDS ({self.stop_seconds}) what a stop waits for the one at hand"
            )
        return self


def _secrets_folder() -> Path | None:
    """Where variables that are secret may lie as files of their names: the environment's word comes before them."""
    given = os.environ.get(SECRETS_FOLDER)
    folder = Path(given or SECRETS_FOLDER_DEFAULT)
    if given and not folder.is_dir():
        raise SettingsError(f"{SECRETS_FOLDER}: should be a folder, and {folder} is none")
    return folder if folder.is_dir() else None


def _fault(variables: type[Variables], part: ErrorDetails) -> str:
    """Say in plain words which variables are wrong, and what they should be."""
    if not part["loc"]:  # no field alone: the defaults are sound, so it is one of those that are set
        names = [name for name in variables.model_fields if name in part["input"]]
        return f"{', '.join(map(_variable, names))}: {_words(part)}"
    name = str(part["loc"][0])
    field = variables.model_fields[name]
    if part["type"] == "value_error" or field.annotation not in NUMBERS:
        return f"{_variable(name)}: {_words(part)}"
    shown = f", not {str(part['input'])[:SHOWN_LENGTH_MAX]!r}" if field.repr else ""
    return f"{_variable(name)}: should be {_number(field)}{shown}"


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _words(part: ErrorDetails) -> str:
    """What a check of ours says, or what pydantic says, without the value: it may be a secret."""
    if part["type"] == "value_error":
        return str(part.get("ctx", {})["error"])
    return re.sub(r"^(Input|String|Value) ", "", part["msg"])


def _number(field: FieldInfo) -> str:
    """Which numbers a field takes: "a whole number from 0 up to 100"."""
    limits = [
        f" {words} {_plain(limit)}"
        for name, words in LIMITS.items()
        for constraint in field.metadata
        if (limit := getattr(constraint, name, None)) is not None
    ]
    return NUMBERS[field.annotation] + "".join(limits)


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
