"""The newcomer's path: the tutorial's commands, in order, on a fresh clone and in an empty environment."""

from __future__ import annotations

import json

import httpx
import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]

SAMPLE = {
    "mean radius": 12.4, "mean texture": 14.2, "mean smoothness": 0.09, "mean concavity": 0.02,
    "worst area": 560, "worst symmetry": 0.25,
}  # fmt: skip


def test_a_new_use_case_is_trained_promoted_and_served(newcomer):
    model = httpx.get(f"{newcomer.api}/v1/model", trust_env=False).json()
    answer = httpx.post(f"{newcomer.api}/predict", json={"input": SAMPLE}, trust_env=False).json()

    assert (model["use_case"], model["model_name"], model["model_version"]) == ("tissue", "tissue-model", "1")
    assert model["metrics"]["roc_auc"] > 0.9
    assert (answer["class"], answer["model_version"]) == (0, "1")


def test_the_newcomers_own_prediction_was_of_the_positive_class(newcomer):
    answer = json.loads((newcomer.folder / "answer.json").read_text())

    assert (answer["class"], answer["model_version"], answer["warnings"]) == (1, "1", [])


def test_the_dags_of_the_new_use_case_are_there(newcomer):
    airflow = f"http://127.0.0.1:{newcomer.environment['ML_AIRFLOW_PORT']}"
    login = {"username": "admin", "password": "admin"}
    token = httpx.post(f"{airflow}/auth/token", json=login, trust_env=False).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    dags = httpx.get(f"{airflow}/api/v2/dags", params={"limit": 100}, headers=headers, trust_env=False).json()["dags"]

    expected = {f"tissue_{name}" for name in ("ingest", "validate", "train", "promote", "score", "drift", "outcomes")}
    assert expected <= {dag["dag_id"] for dag in dags}


def test_the_tutorial_leaves_nothing_that_git_would_commit_but_the_use_case(newcomer):
    new = newcomer.type("git status --porcelain --untracked-files=all").stdout.split()[1::2]

    assert sorted(new) == [
        "answer.json", "data/tissue/contract.yaml", "data/tissue/model.yaml", "more.csv", "samples.csv",
    ]  # fmt: skip
