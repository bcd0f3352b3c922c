"""What the serving process is told by its environment: variables with the prefix ``SERVING_``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
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
    mlflow_username: str = ""
    """Whom the service is to MLflow, where that wants a login; to read is all it needs."""
    mlflow_password: SecretStr = SecretStr("")
    poll_seconds: Annotated[float, Field(gt=0)] = 2
    """How often the registry is asked which version is in production."""
    cache_dir: Path = Path(".local/serving/cache")
    """The last good bundle lies here, for a start without MLflow."""
    spool_dir: Path = Path(".local/serving/spool")
    """Log records lie here while Postgres is away. Must outlive the process: a folder or volume, no tmpfs."""
    spool_max_bytes: Annotated[int, Field(gt=0)] = 1024**3
    """The spool's limit, over all workers; at it, with Postgres away, predictions get 503."""

    challenger_patience_seconds: Annotated[float, Field(gt=0)] = 1
    """A challenger that takes longer to answer is not waited for: production answers."""
    shadow_queue_size: Annotated[int, Field(gt=0)] = 256
    """Requests that wait, after their reply, for a shadow; more are left out and counted."""

    host: str = "127.0.0.1"
    """Address to listen on; another than loopback needs API keys."""
    port: Annotated[int, Field(ge=0, lt=65536)] = 8000
    workers: Annotated[int, Field(ge=1)] = 1
    """Processes that share the port."""
    api_keys_file: Path | None = None
    """Names and hashes of API keys, see :mod:`serving.keys`; without it, the service answers on loopback only."""
    allowed_hosts: str = ""
    """Names the service answers to besides loopback's and its own address, separated by commas."""
    max_body_bytes: Annotated[int, Field(gt=0)] = 1024 * 1024
    """Larger bodies get 413."""
    max_concurrent: Annotated[int, Field(gt=0)] = 128
    """Requests at work at the same time, in one worker; more get 503."""
    batch_max_rows: Annotated[int, Field(gt=0)] = 1000
    """Inputs in one request to the batch endpoint; more get 422."""
    read_seconds: Annotated[float, Field(gt=0)] = 10
    """A connection whose request is not in whole by then is closed."""
    request_seconds: Annotated[float, Field(gt=0)] = 10
    """A request that is not answered by then gets 503."""
    access_log: bool = False
    """One line of JSON a request, without its values."""
    otlp_endpoint: str | None = None
    """Address of an OpenTelemetry collector (OTLP over HTTP); without it nothing is traced."""
