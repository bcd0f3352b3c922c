"""All objects of the store as one tar on standard output, and back from standard input: `save`, `restore`."""

from __future__ import annotations

import os
import sys
import tarfile
from typing import IO, BinaryIO

from botocore.client import BaseClient

from deploy.init.buckets import BUCKETS, client, ensure_buckets


def save(s3: BaseClient, stream: BinaryIO) -> int:
    """Write each object as ``<bucket>/<key>``; returns how many there were."""
    count = 0
    with tarfile.open(fileobj=stream, mode="w|") as tar:
        for bucket in BUCKETS:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for entry in page.get("Contents", ()):
                    found = s3.get_object(Bucket=bucket, Key=entry["Key"])
                    member = tarfile.TarInfo(f"{bucket}/{entry['Key']}")
                    member.size, member.mtime = found["ContentLength"], int(found["LastModified"].timestamp())
                    tar.addfile(member, found["Body"])
                    count += 1
    return count


def restore(s3: BaseClient, stream: BinaryIO) -> int:
    """Put each object back; those that are not in the tar stay. Returns how many were put back."""
    count = 0
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            bucket, _, key = member.name.partition("/")
            body = tar.extractfile(member)
            if body is not None and bucket in BUCKETS:
                s3.upload_fileobj(_Forward(body), bucket, key)
                count += 1
    return count


class _Forward:
    """A member of a stream, which says that it may be read and no more: to ask it whether it can seek is an error."""

    def __init__(self, body: IO[bytes]) -> None:
        self.read = body.read


def main(what: str) -> None:
    """What the command line asks for; says on standard error how much it was."""
    endpoint, secret = os.environ["MLFLOW_S3_ENDPOINT_URL"], os.environ["S3_ADMIN_SECRET"]
    ensure_buckets(endpoint, "admin", secret)
    s3 = client(endpoint, "admin", secret)
    count = save(s3, sys.stdout.buffer) if what == "save" else restore(s3, sys.stdin.buffer)
    sys.stderr.write(f"{count} objects\n")


if __name__ == "__main__":
    main(sys.argv[1])
