"""The same Airflow home as for the tests of the DAGs."""

from __future__ import annotations

from tests.dags.airflow_home import isolate

isolate()
