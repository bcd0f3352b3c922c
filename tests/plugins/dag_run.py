"""Program: runs a DAG with Airflow's own task runner, in an Airflow of its own; prints the states of its tasks.

``python -m tests.plugins.dag_run <home>``; the DAGs are in ``<home>/dags``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.conftest import REPOSITORY


def main(home: Path) -> None:
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb

    initdb()
    bag = DagBag(home / "dags")
    assert not bag.import_errors, bag.import_errors
    for dag in bag.dags.values():
        run = dag.test()
        for ti in run.get_task_instances():
            print("STATE", json.dumps([ti.dag_id, ti.task_id, ti.map_index, ti.state]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
