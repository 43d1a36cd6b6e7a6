"""Where things are: the environment's AGORA_ variables, read once and checked."""

from pathlib import Path

from platformdirs import user_cache_path
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """x."""

    model_config = SettingsConfigDict(env_prefix="AGORA_", frozen=True)

    home: Path = Field(default_factory=lambda: user_cache_path("agora"))
