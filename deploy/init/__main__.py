"""`python -m deploy.init stores` before everything else, `… logins` once MLflow answers."""

from __future__ import annotations

import os
import subprocess
import sys

from deploy.init.buckets import ensure_buckets
from deploy.init.databases import ensure_databases
from deploy.init.logins import ensure_logins
from ml.store import migrate


def _stores() -> None:
    ensure_databases(os.environ)
    ensure_buckets(os.environ["MLFLOW_S3_ENDPOINT_URL"], "admin", os.environ["S3_ADMIN_SECRET"])
    migrate(os.environ["ML_DATABASE_URL"])
    subprocess.run(["airflow", "db", "migrate"], check=True)


def _logins() -> None:
    ensure_logins(os.environ["ML_MLFLOW_TRACKING_URI"], os.environ)


if __name__ == "__main__":
    {"stores": _stores, "logins": _logins}[sys.argv[1]]()
