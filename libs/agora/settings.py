"""Where things are: the AGORA_ variables of the environment, read in one place and checked."""

import re
from pathlib import Path
from typing import Annotated, Final

from platformdirs import user_cache_path
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PARTITIONS_MAX: Final = 512
NAMESPACE_LENGTH_MAX: Final = 16  # leaves room for a service's name in the 63 bytes of a PostgreSQL identifier


class SettingsError(ValueError):
    """A variable of the environment is wrong; names it."""


def _address(value: str) -> str:
    if not all(re.fullmatch(r"[^\s,:/]+:\d{1,5}", part) for part in value.split(",")):
        raise ValueError("should be host:port, or several with commas between")
    return value


def _postgres_url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("should be a URL such as postgresql://user:password@host:5432/postgres")
    return value


Address = Annotated[str, AfterValidator(_address)]
PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]


class Settings(BaseSettings):
    """One process's settings. With ``kafka`` or ``postgres`` unset, the product runs its own."""

    model_config = SettingsConfigDict(env_prefix="AGORA_", frozen=True, env_ignore_empty=True, extra="ignore")

    home: Path = Field(default_factory=lambda: user_cache_path("agora"))
    kafka: Address | None = None
    postgres: PostgresUrl | None = Field(default=None, repr=False)
    namespace: str = Field(default="", pattern=r"^([a-z][a-z0-9_]*)?$", max_length=NAMESPACE_LENGTH_MAX)
    partitions: int = Field(default=8, ge=1, le=PARTITIONS_MAX)
    database: PostgresUrl | None = Field(default=None, repr=False)

    @classmethod
    def read(cls) -> "Settings":
        """Read the environment; an error names the variable and says what it should be."""
        try:
            return cls()
        except ValidationError as error:
            wrong = (f"AGORA_{str(part['loc'][0]).upper()}: {part['msg']}" for part in error.errors())
            raise SettingsError("; ".join(wrong)) from None
