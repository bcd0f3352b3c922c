"""From a prediction back to the version, the training snapshot, the files and the row; with a real model."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from uuid import uuid4

import pandas as pd
import pytest

from ml.errors import PredictionNotFound
from ml.features import read_snapshot
from ml.gate import gate
from ml.inference_id import new_id
from ml.ingest import ingest
from ml.ingestion.withdraw import withdraw
from ml.lineage import trace
from ml.lineage.training import rows_by_file
from ml.lineage.words import lines
from ml.outcomes import collect
from ml.registry import promote
from ml.score import score_features, score_file
from ml.settings import Settings
from ml.store import connect
from ml.train import train
from ml.use_case import UseCase
from ml.validate import validate
from serving.log_record import INSERT, batch
from tests.ingestion import make_use_case, put
from tests.trained import churn, make_settings, prepare
from tests.use_cases.customer_churn.make_data import write

MODEL = "churn-traced"
AS_OF = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Platform:
    settings: Settings
    use_case: UseCase
    version: str
    run_id: str

    def read(self, statement, *values):
        with connect(self.settings.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def write(self, statement, *values):
        with connect(self.settings.database_url) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)

    def sha256(self, name):
        return hashlib.sha256((self.use_case.landing / name).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def platform(postgres, mlflow_server, tmp_path_factory):
    """A version trained on two files, judged, in production, and a batch of all rows; then a third file came."""
    folder = tmp_path_factory.mktemp("lineage")
    settings = make_settings(postgres, mlflow_server, folder, "lineage")
    use_case = churn(folder, 600, MODEL)
    all_lines = (use_case.landing / "clients.csv").read_text().splitlines(keepends=True)
    (use_case.landing / "clients.csv").write_text("".join(all_lines[:401]))
    (use_case.landing / "more.csv").write_text("".join([all_lines[0], *all_lines[401:]]))
    prepare(settings, use_case)
    trained = train(settings, use_case, candidates=["boosting"])
    gate(settings, use_case, MODEL, trained.model_version)
    promote(settings, MODEL, trained.model_version, actor="ada", source="test", why="the first one")
    score_features(settings, use_case, as_of=AS_OF)
    collect(settings, use_case)
    write(use_case.landing / "later.csv", 50, seed=99, first_id=10_000)
    prepare(settings, use_case)
    return Platform(settings, use_case, trained.model_version, trained.run_id)


def a_prediction(platform, condition="true"):
    ((found,),) = platform.read(
        f"SELECT inference_id FROM ml.inference_logs WHERE source = 'batch' AND {condition} ORDER BY 1 LIMIT 1"
    )
    return trace(platform.settings, found)


def test_a_prediction_leads_to_its_version_the_gate_and_who_promoted_it(platform):
    found = a_prediction(platform)

    assert (found.prediction.model_name, found.prediction.model_version) == (MODEL, platform.version)
    assert found.prediction.run_id == platform.run_id
    assert [(p.actor, p.why, p.stage, p.outcome) for p in found.promotions] == [
        ("ada", "the first one", "Production", "promoted")
    ]
    assert [v.production_version for v in found.verdicts] == [None]


def test_the_snapshot_names_its_files_by_checksum_with_the_lines_that_were_in_it(platform):
    training = a_prediction(platform).training

    assert training.recorded
    assert [(f.file_name, f.sha256) for f in training.files] == [
        (name, platform.sha256(name)) for name in ("clients.csv", "more.csv")
    ]
    assert sum(f.rows for f in training.files) == training.n_train + training.n_test
    assert all(f.bytes == (platform.use_case.landing / f.file_name).stat().st_size for f in training.files)
    for file in training.files:
        ((first, last, rows),) = platform.read(
            "SELECT min(_line), max(_line), count(*) FROM customer_churn.features WHERE _file_id = %s", file.file_id
        )
        assert (file.first_line, file.last_line, file.rows) == (first, last, rows)
        assert file.has_gaps == (last - first + 1 > rows)


def test_a_row_predicted_in_a_batch_is_the_very_line_of_the_file(platform):
    found = a_prediction(platform, "line = 17")

    assert found.row.recorded
    assert found.row.is_unchanged
    assert found.row.in_snapshot
    cells = pd.read_csv(platform.use_case.landing / found.row.file.file_name, dtype=str).iloc[17 - 2]
    assert found.row.file.sha256 == platform.sha256(found.row.file.file_name)
    key = platform.use_case.contract.key[0].name
    assert str(found.row.features[key]) == cells[key]
    assert found.outcome.label == int(cells["churned"])


def test_a_row_that_came_after_the_training_was_not_in_its_snapshot(platform):
    later = AS_OF + dt.timedelta(days=1)
    score_features(platform.settings, platform.use_case, as_of=later)

    newest = "(SELECT id FROM ml.ingest_ledger WHERE file_name = 'later.csv')"
    assert not a_prediction(platform, f"file_id = {newest}").row.in_snapshot


def test_a_batch_from_a_file_has_no_row_of_an_ingested_file_unless_its_key_is_known(platform, tmp_path):
    header, *rows = (platform.use_case.landing / "clients.csv").read_text().splitlines()
    key = header.split(",").index(platform.use_case.contract.key[0].name)
    stranger = rows[0].split(",")
    stranger[key] = "nobody-1"
    path = tmp_path / "asked.csv"
    path.write_text("\n".join([header, rows[5], ",".join(stranger)]) + "\n")
    as_of = AS_OF + dt.timedelta(days=2)
    score_file(platform.settings, platform.use_case, path, as_of=as_of)

    known, unknown = sorted(
        (trace(platform.settings, i).row for (i,) in platform.read(
            "SELECT inference_id FROM ml.inference_logs WHERE timestamp = %s", as_of)),
        key=lambda row: row.file is None,
    )  # fmt: skip

    assert (known.recorded, known.file.file_name, known.line, known.is_unchanged) == (False, "clients.csv", 7, True)
    assert (unknown.file, unknown.line, unknown.features, unknown.in_snapshot) == (None, None, None, None)


def test_an_online_prediction_has_no_row_and_all_else(platform):
    inference_id = new_id()
    logged = (
        f'{{"inference_id": "{inference_id}", "use_case": "customer_churn", "model_name": "{MODEL}", "model_version": '
        f'"{platform.version}", "run_id": "{platform.run_id}", "input": {{"plan": "<b>"}}, "prediction": 1, '
        '"probability": 0.75, "threshold": 0.5, "source": "online", "timestamp": "2026-03-02T00:00:00Z"}'
    )
    platform.write(INSERT, *batch([logged.encode()]))

    found = trace(platform.settings, inference_id)

    assert (found.row, found.outcome) == (None, None)
    assert (found.prediction.probability, found.prediction.threshold) == (0.75, 0.5)
    assert found.training.files
    assert "  no label has arrived" in list(lines(found))


def test_an_id_that_was_never_given_is_refused_with_the_time_it_stands_for(platform):
    with pytest.raises(PredictionNotFound, match=r"by its id it was made at 20\d\d-"):
        trace(platform.settings, new_id())
    with pytest.raises(PredictionNotFound, match="UUIDs of version 7"):
        trace(platform.settings, uuid4())


def test_a_version_from_before_files_were_recorded_says_so_and_names_those_of_that_time(platform):
    platform.write(
        "INSERT INTO ml.training_data (use_case, model_name, model_version, run_id, metric_name, metric_value, n_train,"
        " n_test, n_features, feature_stats, metrics, snapshot_id, timestamp) SELECT use_case, model_name, '999',"
        " run_id, metric_name, metric_value, n_train, n_test, n_features, feature_stats, metrics, snapshot_id,"
        " timestamp FROM ml.training_data WHERE model_version = %s",
        platform.version,
    )
    inference_id = new_id()
    platform.write(
        "INSERT INTO ml.inference_logs (inference_id, use_case, model_name, model_version, run_id, input, prediction,"
        " probability, source) VALUES (%s, 'customer_churn', %s, '999', 'r', '{}', 0, 0.1, 'online')",
        str(inference_id),
        MODEL,
    )

    found = trace(platform.settings, inference_id)

    assert not found.training.recorded
    assert [f.file_name for f in found.training.files] == ["clients.csv", "more.csv"]
    assert all(f.first_line is None for f in found.training.files)
    assert any("were not recorded then" in line for line in lines(found))


def test_a_version_that_was_not_trained_here_says_so(platform):
    inference_id = new_id()
    platform.write(
        "INSERT INTO ml.inference_logs (inference_id, use_case, model_name, model_version, run_id, input, prediction,"
        " probability, source) VALUES (%s, 'customer_churn', %s, '1000', 'r', '{}', 0, 0.1, 'online')",
        str(inference_id),
        MODEL,
    )

    found = trace(platform.settings, inference_id)

    assert found.training is None
    assert "  the ledger has no promotion of it" in list(lines(found))


def test_lines_of_a_file_are_exact_where_rows_went_to_quarantine(settings, tmp_path):
    use_case = make_use_case(tmp_path)
    (use_case.folder / "model.yaml").write_text(
        "model_name: orders\nexperiment: orders\ncandidates:\n  linear: {estimator: LogisticRegression}\n"
        "validation: {max_bad_fraction: 0.5}\n"
    )
    put(use_case, "a.csv", "place,amount,paid\nnorth,1,yes\nwest,2,no\nsouth,3,no\nnorth,4,no\nsouth,5,maybe\n")
    ingest(settings, use_case, run_id="test")
    validate(settings, use_case)

    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        ((_, rows, found, first_event, last_event),) = rows_by_file(cursor, "orders")

    assert (rows, found, first_event, last_event) == (3, "{[2,3),[4,6)}", None, None)
    assert read_snapshot(settings, use_case).files[0][1:3] == (3, "{[2,3),[4,6)}")


def test_the_trace_holds_after_the_file_was_withdrawn(platform):
    """The last test: it takes the file away."""
    before = a_prediction(platform, "line = 17 AND timestamp = '2026-03-01 12:00Z'")
    withdraw(platform.settings, platform.use_case, before.row.file.sha256, why="a wrong file")

    after = trace(platform.settings, before.prediction.inference_id)

    assert [(f.sha256, f.rows, f.first_line, f.last_line) for f in after.training.files] == [
        (f.sha256, f.rows, f.first_line, f.last_line) for f in before.training.files
    ]
    assert (after.row.file.sha256, after.row.line, after.row.in_snapshot) == (before.row.file.sha256, 17, True)
    assert (after.row.file.status, after.row.features) == ("withdrawn", None)
    text = "\n".join(lines(after))
    assert "withdrawn since" in text
    assert "the row is in `features` no more" in text
