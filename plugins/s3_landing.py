"""Landing files in an object store: fetched into the landing folder, and put away there by what became of them.

A run that dies in between leaves the objects where they are; the next one fetches them again, and what was loaded is
known by its checksum. An object that is replaced while its old content is loaded stays, for the next run.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from botocore.client import BaseClient

from ml.ingest import IngestSummary
from ml.ingestion.landing import REJECTED, due_of, printable
from ml.ingestion.ledger import FileStatus
from ml.publish import publishing
from ml.use_case import UseCase

_log = logging.getLogger(__name__)

CONNECTION = "s3"
"""Airflow connection with the store's address and credentials."""
DONE = "done"
_POSTPONED = "postponed"


@dataclass(frozen=True)
class LandedObject:
    """An object whose content lies in the landing folder as ``name``; ``etag`` names that content."""

    bucket: str
    prefix: str
    name: str
    etag: str

    @property
    def key(self) -> str:
        """Of the object."""
        return self.prefix + self.name


def fetch(url: str, use_case: UseCase, logical_date: datetime | None) -> list[LandedObject]:
    """Bring the objects that are due, directly below ``<url>/<use_case>/``, into the landing folder."""
    s3 = S3Hook(CONNECTION).get_conn()
    bucket, base = S3Hook.parse_s3_url(url)
    prefix = f"{base.strip('/')}/{use_case.name}/".lstrip("/")
    found = {entry["Key"].removeprefix(prefix): entry["ETag"] for entry in _entries(s3, bucket, prefix)}
    use_case.landing.mkdir(parents=True, exist_ok=True)
    fetched = []
    for name in due_of(found, logical_date):
        if printable(name) != name:
            _log.error("An object of %s is left out: its name %s does not print, or is too long.", url, printable(name))
            continue
        landed = LandedObject(bucket, prefix, name, found[name])
        with publishing(use_case.landing / name) as file:
            shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=landed.key, IfMatch=landed.etag)["Body"], file)
        fetched.append(landed)
        _log.info("s3://%s/%s was fetched.", bucket, landed.key)
    return fetched


def settle(fetched: list[LandedObject], use_case: UseCase, summary: IngestSummary) -> None:
    """Move the objects to ``done/``, or to ``rejected/`` with the reason; a postponed one waits for the next run."""
    if not fetched:
        return
    s3 = S3Hook(CONNECTION).get_conn()
    outcomes = {outcome.file: outcome for outcome in summary.files}
    for landed in fetched:
        outcome = outcomes.get(landed.name)  # none where an earlier run had dealt with it
        if outcome and outcome.status == _POSTPONED:
            continue
        refused = outcome is not None and outcome.status == FileStatus.REJECTED
        target = f"{landed.prefix}{REJECTED if refused else DONE}/{landed.etag.strip(chr(34))}_{landed.name}"
        if refused and outcome and outcome.reason:
            s3.put_object(Bucket=landed.bucket, Key=f"{target}.reason.txt", Body=outcome.reason.encode())
        _move(s3, landed, target)
        (use_case.landing / landed.name).unlink(missing_ok=True)


def _move(s3: BaseClient, landed: LandedObject, target: str) -> None:
    s3.copy({"Bucket": landed.bucket, "Key": landed.key}, landed.bucket, target)
    if s3.head_object(Bucket=landed.bucket, Key=landed.key)["ETag"] != landed.etag:
        _log.warning("s3://%s/%s was replaced meanwhile; the next run takes it.", landed.bucket, landed.key)
        return
    s3.delete_object(Bucket=landed.bucket, Key=landed.key)


def _entries(s3: BaseClient, bucket: str, prefix: str) -> Iterator[Any]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        yield from page.get("Contents", ())
