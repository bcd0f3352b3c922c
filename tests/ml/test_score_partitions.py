"""A batch in partitions, against the same batch by one process: files, tables, ids."""

import datetime as dt
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ml.errors import FileRefused, NoProductionModel
from ml.registry import promote
from ml.score import ScoreSummary, rejected_path, score_features, score_file
from ml.score_partitions import Partition, collect, group, plan, score_partition
from ml.scoring import batch_source
from ml.store import connect
from ml.train import train
from ml.use_case import load_use_case
from tests.trained import churn, make_settings, prepare
from tests.use_cases.customer_churn.make_data import draw

ROWS = 1500
FRAME = 167
_days = itertools.count()


@pytest.fixture(scope="module")
def scored(postgres, mlflow_server, tmp_path_factory):
    """Settings, and the use case whose features have a model in production."""
    folder = tmp_path_factory.mktemp("partitions")
    settings = make_settings(postgres, mlflow_server, folder, "partitions")
    use_case = churn(folder, ROWS, "churn-partitions")
    prepare(settings, use_case)
    version = train(settings, use_case, candidates=["linear"]).model_version
    promote(settings, "churn-partitions", version, actor="test", source="test", why="test")
    return settings, use_case


@pytest.fixture
def small(scored, monkeypatch):
    """The same, with small frames and partitions of two of them."""
    settings, use_case = scored
    monkeypatch.setattr(batch_source, "_CELLS_AT_ONCE", FRAME * len(use_case.model_features))
    monkeypatch.setattr(batch_source, "_BYTES_AT_ONCE", 20_000)
    return settings.model_copy(update={"score_partition_rows": 300}), use_case


@pytest.fixture
def moments():
    return [dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=2 * next(_days) + n) for n in range(2)]


def through_xcom(partition):
    return Partition(**json.loads(json.dumps(asdict(partition))))


def in_partitions(settings, use_case, **what):
    """All partitions, the last first, two at a time, as workers would."""
    partitions = [through_xcom(p) for p in plan(settings, use_case, **what)]
    with ThreadPoolExecutor(2) as pool:
        summaries = list(pool.map(lambda p: score_partition(settings, use_case, p), reversed(partitions)))
    summaries = [ScoreSummary(**json.loads(json.dumps(asdict(s)))) for s in reversed(summaries)]
    return partitions, collect(partitions, summaries)


def table(settings, use_case, as_of):
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT row_key, model_version, prediction, probability FROM {use_case.name}.predictions"
            " WHERE logical_date = %s ORDER BY row_key",
            (as_of,),
        )
        predictions = cursor.fetchall()
        cursor.execute(
            "SELECT row_key, model_version, prediction, probability, input FROM ml.inference_logs"
            " WHERE timestamp = %s AND use_case = %s ORDER BY row_key",
            (as_of, use_case.name),
        )
        return predictions, cursor.fetchall()


def rows(path):
    """Without the ids, which hold the time."""
    return pq.read_table(path).drop_columns(["_inference_id"])


def test_features_in_partitions_are_what_one_process_makes_of_them(small, moments):
    settings, use_case = small
    one = score_features(settings, use_case, as_of=moments[0])
    partitions, many = in_partitions(settings, use_case, as_of=moments[1])
    assert len(partitions) > 3
    assert (many.rows_scored, many.rows_new, many.rows_rejected) == (ROWS, ROWS, 0)
    assert rows(many.output).equals(rows(one.output))
    assert table(settings, use_case, moments[1]) == table(settings, use_case, moments[0])


def test_the_file_of_all_partitions_is_that_of_one_process_to_the_byte(small, moments):
    settings, use_case = small
    _, many = in_partitions(settings, use_case, as_of=moments[0])
    before = Path(many.output).read_bytes()
    one = score_features(settings, use_case, as_of=moments[0])
    assert one.output == many.output
    assert one.rows_new == 0, "the ids are the same"
    assert Path(one.output).read_bytes() == before
    assert [p for p in Path(many.output).parent.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_without_keys_in_partitions_is_what_one_process_makes_of_it(small, moments, tmp_path, kind):
    settings, use_case = small
    frame = draw(1100, seed=5).drop(columns="client.id")
    frame.loc[[3, 900], "plan.type"] = "no such plan"
    path = tmp_path / f"batch.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False, row_group_size=250)
    one = score_file(settings, use_case, path, as_of=moments[0])
    partitions, many = in_partitions(settings, use_case, as_of=moments[1], file=path)
    assert len(partitions) > 2
    assert (many.rows_scored, many.rows_rejected) == (one.rows_scored, one.rows_rejected) == (1098, 2)
    assert rows(many.output).equals(rows(one.output))
    assert Path(many.rejected).read_bytes() == Path(one.rejected).read_bytes()
    assert table(settings, use_case, moments[1]) == table(settings, use_case, moments[0])


def test_a_file_whose_rows_have_keys_stays_in_one_partition(small, moments, tmp_path):
    settings, use_case = small
    assert use_case.contract.key
    path = tmp_path / "batch.csv"
    draw(1000, seed=6).to_csv(path, index=False)
    (partition,) = plan(settings, use_case, as_of=moments[0], file=path)
    assert collect([partition], [score_partition(settings, use_case, partition)]).rows_scored == 1000


def test_a_small_batch_is_one_partition(scored, moments):
    settings, use_case = scored
    (partition,) = plan(settings, use_case, as_of=moments[0])
    assert str(partition.path) == partition.target


def test_a_batch_without_rows_is_one_partition(small, moments):
    settings, use_case = small
    far = dt.date(2100, 1, 1)
    _, summary = in_partitions(settings, use_case, as_of=moments[0], start=far, end=far)
    assert (summary.rows_scored, pq.read_table(summary.output).num_rows) == (0, 0)


def test_all_partitions_are_predicted_by_the_version_of_the_plan_whatever_is_promoted_meanwhile(small, moments):
    settings, use_case = small
    partitions = plan(settings, use_case, as_of=moments[0])
    version = train(settings, use_case, candidates=["linear"]).model_version
    before = partitions[0].version["version"]
    promote(settings, "churn-partitions", version, actor="test", source="test", why="test")
    summaries = [score_partition(settings, use_case, p) for p in partitions]
    promote(settings, "churn-partitions", before, actor="test", source="test", why="test")
    assert version != before
    assert {s.model_version for s in summaries} == {before}


def test_a_partition_and_the_end_may_be_repeated(small, moments):
    settings, use_case = small
    partitions, many = in_partitions(settings, use_case, as_of=moments[0])
    before = Path(many.output).read_bytes()
    summaries = [score_partition(settings, use_case, p) for p in partitions]
    assert [s.rows_new for s in summaries] == [0] * len(partitions)
    assert collect(partitions, summaries).rows_scored == ROWS
    assert collect(partitions, summaries).rows_scored == ROWS, "its parts are gone, its file is there"
    assert Path(many.output).read_bytes() == before


def test_a_file_that_was_changed_after_the_plan_is_refused(small, moments, tmp_path):
    settings, use_case = small
    path = tmp_path / "batch.csv"
    draw(100, seed=7).to_csv(path, index=False)
    (partition,) = plan(settings, use_case, as_of=moments[0], file=path)
    draw(100, seed=8).to_csv(path, index=False)
    with pytest.raises(FileRefused, match="changed after"):
        score_partition(settings, use_case, partition)
    assert not rejected_path(partition.path).exists()


def test_without_a_production_model_nothing_is_planned(small, moments):
    settings, use_case = small
    path = use_case.folder / "model.yaml"
    nameless = load_use_case(use_case.folder.parent, use_case.name)
    text = path.read_text()
    path.write_text(text.replace("churn-partitions", "churn-nothing"))
    try:
        _ = nameless.config
    finally:
        path.write_text(text)
    with pytest.raises(NoProductionModel):
        plan(settings, nameless, as_of=moments[0])


@pytest.mark.parametrize(
    ("sizes", "rows", "ranges"),
    [
        ([], 10, []),
        ([4], 10, [(0, 1)]),
        ([5, 5], 10, [(0, 2)]),
        ([5, 5, 1], 10, [(0, 2), (2, 3)]),
        ([30, 1, 30], 10, [(0, 1), (1, 3)]),
    ],
)
def test_frames_are_grouped_until_there_are_rows_enough(sizes, rows, ranges):
    assert group(sizes, rows) == ranges
