"""Where the platform's services and folders are: environment variables, prefix ``ML_``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Addresses and folders; read from the environment at the moment it is built.

    Raises pydantic's ``ValidationError`` naming the variable when a required one is unset.
    """

    model_config = SettingsConfigDict(env_prefix="ML_", extra="ignore")

    database_url: str
    """SQLAlchemy-free libpq URL of the platform's database, e.g. ``postgresql://user@host/ml``."""
    mlflow_tracking_uri: str = "http://127.0.0.1:5000"
    mlflow_public_url: str | None = None
    """Address of MLflow as people reach it; links in logs use it. Default: the tracking URI."""
    use_cases_dir: Path = Path("data")
    """Each folder below it with a ``contract.yaml`` is a use case."""
    landing_url: str | None = None
    """Object store from which DAGs fetch files to ingest, as ``s3://bucket/prefix``, below it a folder a use case."""
    state_dir: Path = Path(".local")
    """Reports and batch predictions are written below it."""

    score_partition_rows: Annotated[int, Field(ge=1)] = 500_000
    """A batch of more rows is predicted in partitions of about that many, by as many workers as there are."""
    log_retention_days: Annotated[int, Field(ge=1)] | None = None
    """Predictions are kept that long, and up to a month more; unset, for ever. See :mod:`ml.partitions`."""

    @property
    def reports_dir(self) -> Path:
        """Validation and drift reports."""
        return self.state_dir / "reports"

    @property
    def studies_dir(self) -> Path:
        """Trials of tuning, so that one that was interrupted goes on."""
        return self.state_dir / "studies"

    @property
    def predictions_dir(self) -> Path:
        """Parquet files of batch scoring."""
        return self.state_dir / "predictions"
