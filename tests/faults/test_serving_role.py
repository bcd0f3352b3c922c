"""Least privilege: what the service's role in the database may do, asked of the database itself."""

import psycopg2
import pytest

from ml.store import SERVING_ROLE

TABLES = """
    SELECT n.nspname || '.' || c.relname, p.privilege
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p (privilege)
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema)'
        AND has_any_column_privilege(c.oid, p.privilege)
    UNION
    SELECT n.nspname || '.' || c.relname, p.privilege
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
        unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER']) p (privilege)
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema)'
        AND has_table_privilege(c.oid, p.privilege)
"""
OWNED = "SELECT relname FROM pg_class WHERE relowner = current_user::regrole"
CREATES = """
    SELECT nspname FROM pg_namespace WHERE has_schema_privilege(oid, 'CREATE')
    UNION SELECT datname FROM pg_database WHERE has_database_privilege(oid, 'CREATE')
"""
POWERS = """
    SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls,
        EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid)
    FROM pg_roles WHERE rolname = current_user
"""


@pytest.fixture
def ask(serving_database_url):
    connection = psycopg2.connect(serving_database_url)

    def rows(statement):
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return set(cursor.fetchall())

    yield rows
    connection.close()


def test_x3_the_role_reads_and_adds_to_what_it_logs_and_touches_no_other_table(ask):
    granted = ask(TABLES)
    assert ask("SELECT current_user") == {(SERVING_ROLE,)}
    assert granted == {
        *((table, privilege) for table in ("ml.inference_logs", "ml.outcomes") for privilege in ("SELECT", "INSERT")),
        *(("ml.serving_traffic", privilege) for privilege in ("SELECT", "INSERT", "UPDATE")),
    }


def test_x3_the_role_creates_and_owns_nothing_and_has_no_power_over_others(ask):
    assert ask(CREATES) == set()
    assert ask(OWNED) == set()
    assert ask(POWERS) == {(False,) * 6}
