"""Each DAG is documented where the person on duty looks: on its page in Airflow."""

from __future__ import annotations

import ast

import pytest

from tests.dags.airflow_home import REPOSITORY
from tests.dags.test_structure import IDS, KINDS

SECTIONS = ["## Purpose", "## Schedule", "## Parameters", "## Safe to run again?", "## When it is red"]


def docstring(kind: str) -> str:
    return ast.get_docstring(ast.parse((REPOSITORY / "dags" / f"{kind}.py").read_text()), clean=False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_runbook_has_its_sections_in_order(kind):
    sections = [line for line in docstring(kind).splitlines() if line in SECTIONS]

    assert sections == SECTIONS


@pytest.mark.parametrize("dag_id", IDS)
def test_the_runbook_is_shown_in_airflow(dag_bag, dag_id):
    dag = dag_bag.dags[dag_id]

    assert dag.doc_md == docstring(dag_id.rsplit("_", 1)[1])
    assert dag.description


@pytest.mark.parametrize("dag_id", IDS)
def test_the_runbook_names_every_parameter_and_the_tasks_that_can_be_red(dag_bag, dag_id):
    dag = dag_bag.dags[dag_id]

    assert [name for name in dag.params if f"`{name}`" not in dag.doc_md] == []
