"""P1: two promotions at once, a hundred times. P2 and P3 are produced in test_serving_swap.py, under load."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import pytest
from mlflow import MlflowClient

from ml import registry
from ml.errors import PromotionConflict
from ml.store import connect
from tests.faults.versions import Versions

TIMES = 100


@pytest.mark.fault
def test_p1_of_two_promotions_at_once_one_wins_and_the_other_gets_a_conflict(
    settings, mlflow_server, contract, tmp_path
):
    mlflow = MlflowClient(mlflow_server, mlflow_server)
    settings = settings.model_copy(update={"mlflow_tracking_uri": mlflow_server})
    versions = Versions(mlflow, "promoted at once", contract, tmp_path)
    for _ in range(3):
        versions.register()
    production, conflicts, both = "1", 0, Barrier(2)
    registry.promote(settings, versions.name, "1", actor="ann", source="cli", why="the first")

    def promote(version: str) -> registry.Promotion | PromotionConflict:
        both.wait()
        try:
            return registry.promote(
                settings, versions.name, version, actor=version, source="cli", why="P1", instead_of=production
            )
        except PromotionConflict as conflict:
            return conflict

    with ThreadPoolExecutor(2) as pool:
        for _ in range(TIMES):
            others = [v for v in ("1", "2", "3") if v != production]
            done = list(pool.map(promote, others))
            ((winner, _), (loser, conflict)) = sorted(
                zip(others, done, strict=True), key=lambda pair: isinstance(pair[1], PromotionConflict)
            )
            assert isinstance(conflict, PromotionConflict), done
            assert (conflict.version, conflict.expected, conflict.found) == (loser, production, winner)
            conflicts += 1
            staged = [
                v for v in mlflow.search_model_versions(f"name = '{versions.name}'") if v.current_stage == "Production"
            ]
            assert [str(v.version) for v in staged] == [winner]
            assert mlflow.get_registered_model(versions.name).aliases == {"production": winner}
            production = winner
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT from_version, to_version, outcome FROM ml.promotions ORDER BY id")
        ledger = cursor.fetchall()
    print(f"\nP1: {TIMES} times two promotions at once: {conflicts} conflicts, {len(ledger)} entries in the ledger")
    assert len(ledger) == TIMES + 1
    assert {outcome for _, _, outcome in ledger} == {"promoted"}
    assert all(before[1] == after[0] for before, after in pairwise(ledger))
    assert ledger[-1][1] == production
