"""Postgres: a database and a role for each part; no role enters another's database."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.store import METRICS_ROLE, SERVING_ROLE

OWNERS = {"airflow": "airflow", "mlflow": "mlflow", "ml": "ml_platform"}
"""Each database with the role that owns it."""
_PASSWORDS = {
    "airflow": "AIRFLOW_DB_PASSWORD",
    "mlflow": "MLFLOW_DB_PASSWORD",
    "ml_platform": "ML_PLATFORM_DB_PASSWORD",
    SERVING_ROLE: "ML_SERVING_DB_PASSWORD",
    METRICS_ROLE: "ML_METRICS_DB_PASSWORD",
}


def ensure_databases(environment: Mapping[str, str]) -> None:
    """Roles with the passwords that ``environment`` has now, and their databases; what is there is kept."""
    connection = psycopg2.connect(
        host=environment.get("POSTGRES_HOST", "postgres"), user="postgres", password=environment["POSTGRES_PASSWORD"],
        connect_timeout=10,
    )  # fmt: skip
    connection.autocommit = True  # no database is made inside a transaction
    try:
        with connection.cursor() as cursor:
            for role, variable in _PASSWORDS.items():
                _ensure_role(cursor, role, environment[variable])
            for database, owner in OWNERS.items():
                _ensure_database(cursor, database, owner)
            guests = sql.SQL(", ").join(map(sql.Identifier, (SERVING_ROLE, METRICS_ROLE)))
            cursor.execute(sql.SQL("GRANT CONNECT ON DATABASE ml TO {}").format(guests))
    finally:
        connection.close()


def _ensure_role(cursor: Cursor, role: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    statement = "ALTER ROLE {} PASSWORD %s" if cursor.fetchone() else (
        "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %s"
    )  # fmt: skip
    cursor.execute(sql.SQL(statement).format(sql.Identifier(role)), (password,))


def _ensure_database(cursor: Cursor, database: str, owner: str) -> None:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if not cursor.fetchone():
        name, role = sql.Identifier(database), sql.Identifier(owner)
        cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, role))
        cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
