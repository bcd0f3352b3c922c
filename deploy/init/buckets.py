"""The object store: a bucket each for MLflow's artifacts, for files to ingest and for Airflow's logs."""

from __future__ import annotations

import boto3

BUCKETS = ("mlflow", "landing", "airflow-logs")


def ensure_buckets(endpoint: str, access_key: str, secret_key: str) -> None:
    """Make those that are not there."""
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=access_key, aws_secret_access_key=secret_key,
    )  # fmt: skip
    there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in BUCKETS:
        if name not in there:
            s3.create_bucket(Bucket=name)
