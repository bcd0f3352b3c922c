"""`mlp` in a running container: the same command, with the addresses that the container has."""

from __future__ import annotations

import json


def test_the_command_finds_the_services_of_its_containers(stack):
    done = stack.compose("exec", "-T", "airflow-scheduler", "mlp", "status", "--json")
    assert {row["name"]: row["state"] for row in json.loads(done.stdout)} == {"postgres": "up", "mlflow": "up"}
    assert stack.compose("exec", "-T", "airflow-scheduler", "mlp", "db-training", "--json").returncode == 0
