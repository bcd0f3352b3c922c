"""The object store: a bucket each for MLflow's artifacts, for files to ingest and for Airflow's logs."""

from __future__ import annotations

import boto3
from botocore.client import BaseClient

BUCKETS = ("mlflow", "landing", "airflow-logs")


def client(endpoint: str, access_key: str, secret_key: str) -> BaseClient:
    """Of the store at that address."""
    return boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=access_key, aws_secret_access_key=secret_key,
    )  # fmt: skip


def ensure_buckets(endpoint: str, access_key: str, secret_key: str) -> None:
    """Make those that are not there."""
    s3 = client(endpoint, access_key, secret_key)
    there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in BUCKETS:
        if name not in there:
            s3.create_bucket(Bucket=name)
