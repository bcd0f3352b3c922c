"""What the serving process is told by its environment: variables with the prefix ``SERVING_``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServingSettings(BaseSettings):
    """Read from the environment at the moment it is built.

    Raises pydantic's ``ValidationError`` naming the variable when a required one is unset.
    """

    model_config = SettingsConfigDict(env_prefix="SERVING_", extra="ignore")

    model_name: str
    """Registered model whose alias ``production`` is followed."""
    database_url: str
    """libpq URL of the platform's database, for the role ``ml_serving``."""
    mlflow_tracking_uri: str = "http://127.0.0.1:5000"
    poll_seconds: Annotated[float, Field(gt=0)] = 2
    """How often the registry is asked which version is in production."""
    cache_dir: Path = Path(".local/serving/cache")
    """The last good bundle lies here, for a start without MLflow."""
    spool_dir: Path = Path(".local/serving/spool")
    """Log records lie here while Postgres is away. Must outlive the process: a folder or volume, no tmpfs."""
