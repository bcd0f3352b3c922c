"""Batch scoring with a real model, from features and from files."""

import csv
import datetime as dt
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml import score
from ml.bundle import Bundle
from ml.errors import FileRefused, NoProductionModel
from ml.payload import PayloadParser
from ml.registry import production_bundle, promote
from ml.score import predict_batch, score_features, score_file
from ml.scoring import batch_source
from ml.settings import Settings
from ml.store import connect
from ml.train import train
from ml.use_case import UseCase
from tests.trained import churn, make_settings, prepare
from tests.use_cases.customer_churn.make_data import draw

ROWS = 800
_days = itertools.count()


@dataclass(frozen=True)
class Platform:
    settings: Settings
    use_case: UseCase
    bundle: Bundle


@pytest.fixture(scope="module")
def platform(postgres, mlflow_server, tmp_path_factory):
    """One model for the module, in production; each test scores for a time of its own."""
    folder = tmp_path_factory.mktemp("score")
    settings = make_settings(postgres, mlflow_server, folder, "score")
    use_case = churn(folder, ROWS, "churn-scored")
    prepare(settings, use_case)
    version = train(settings, use_case, candidates=["boosting"]).model_version
    promote(settings, "churn-scored", version, actor="test", source="test", why="test")
    return Platform(settings, use_case, production_bundle(settings, "churn-scored")[1])


@pytest.fixture
def as_of():
    return dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC) + dt.timedelta(days=next(_days))


def read(settings, statement, *parameters):
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def predictions(platform, as_of):
    return read(
        platform.settings, "SELECT * FROM customer_churn.predictions WHERE logical_date = %s ORDER BY row_key", as_of
    )


def logged(platform, as_of, what="*"):
    return read(
        platform.settings, f"SELECT {what} FROM ml.inference_logs WHERE timestamp = %s ORDER BY inference_id", as_of
    )


def count(settings):
    ((predicted, logged),) = read(
        settings,
        "SELECT (SELECT count(*) FROM customer_churn.predictions), (SELECT count(*) FROM ml.inference_logs)",
    )
    return predicted, logged


def written(platform):
    folder = platform.settings.predictions_dir
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def expected(platform, frame):
    """What the bundle says of rows, and so the API."""
    names = [f.name for f in platform.bundle.manifest.features]
    objects = frame[names].astype(object)
    objects = objects.where(objects.notna(), None)
    return platform.bundle.predict({n: objects[n].tolist() for n in names})


def as_csv(folder, frame, name="batch.csv"):
    frame.to_csv(folder / name, index=False)
    return folder / name


def as_parquet(folder, frame, name="batch.parquet"):
    frame.to_parquet(folder / name, index=False)
    return folder / name


# repetition


def test_features_scored_again_for_the_same_time_change_nothing(platform, as_of):
    first = score_features(platform.settings, platform.use_case, as_of=as_of)
    assert (first.rows_scored, first.rows_new, first.rows_rejected, first.rejected) == (ROWS, ROWS, 0, None)
    before = predictions(platform, as_of), logged(platform, as_of), Path(first.output).read_bytes()
    assert len(before[0]) == len(before[1]) == ROWS
    again = score_features(platform.settings, platform.use_case, as_of=as_of)
    assert (again.rows_scored, again.rows_new, again.output) == (ROWS, 0, first.output)
    assert (predictions(platform, as_of), logged(platform, as_of), Path(again.output).read_bytes()) == before


def test_another_time_adds_rows(platform, as_of):
    score_features(platform.settings, platform.use_case, as_of=as_of)
    later = as_of + dt.timedelta(milliseconds=1)
    assert score_features(platform.settings, platform.use_case, as_of=later).rows_new == ROWS
    ids = [{i for (i,) in logged(platform, at, "inference_id")} for at in (as_of, later)]
    assert len(ids[0] | ids[1]) == 2 * ROWS


def test_a_time_is_known_to_the_millisecond_in_the_table_as_in_the_ids(platform, as_of):
    score_features(platform.settings, platform.use_case, as_of=as_of)
    before = count(platform.settings)
    later = as_of + dt.timedelta(microseconds=999)
    assert score_features(platform.settings, platform.use_case, as_of=later).rows_new == 0
    assert count(platform.settings) == before


def test_the_same_batch_at_once_is_written_once(platform, as_of, tmp_path):
    path = as_csv(tmp_path, draw(2000, seed=3))
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(score_file, platform.settings, platform.use_case, path, as_of=as_of) for _ in range(4)]
    assert sorted(run.result().rows_new for run in runs) == [0, 0, 0, 2000]
    assert len(predictions(platform, as_of)) == len(logged(platform, as_of)) == 2000
    assert pq.read_table(runs[0].result().output).num_rows == 2000
    assert not [p for p in written(platform) if p.name.endswith(".part")]


def test_the_same_rows_in_other_orders_at_once_do_not_wait_for_each_other(platform, as_of, tmp_path):
    clients = draw(5000, seed=4)
    orders = [clients, clients.iloc[::-1], clients.sample(frac=1, random_state=1)]
    paths = [as_csv(tmp_path, frame, f"{at}.csv") for at, frame in enumerate(orders)]
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(score_file, platform.settings, platform.use_case, path, as_of=as_of) for path in paths]
    assert sorted(run.result().rows_new for run in runs) == [0, 0, 5000]


# the same answers wherever the rows come from


def test_csv_parquet_and_features_give_the_probabilities_of_the_bundle(platform, as_of, tmp_path):
    clients = draw(ROWS)
    truth = pd.Series(expected(platform, clients), index=clients["client.id"], dtype="float64").sort_index()
    for at, path in enumerate((as_csv(tmp_path, clients), as_parquet(tmp_path, clients))):
        time = as_of + dt.timedelta(hours=at)
        summary = score_file(platform.settings, platform.use_case, path, as_of=time)
        assert (summary.rows_scored, summary.rows_new, summary.rows_rejected) == (ROWS, ROWS, 0)
        found = pq.read_table(summary.output)["_probability"].to_pandas()
        assert abs(found - truth.to_numpy()).max() < 1e-6
    score_features(platform.settings, platform.use_case, as_of=as_of + dt.timedelta(hours=2))
    found = read(
        platform.settings,
        'SELECT "client.id", probability FROM customer_churn.predictions JOIN customer_churn.features'
        " ON row_key = _row_key WHERE logical_date = %s",
        as_of + dt.timedelta(hours=2),
    )
    from_features = pd.Series(dict(found)).sort_index()
    assert list(from_features.index) == list(truth.index)
    assert abs(from_features - truth).max() < 1e-5


def test_the_threshold_of_the_version_decides(platform, as_of):
    summary = score_features(platform.settings, platform.use_case, as_of=as_of)
    table = pq.read_table(summary.output)
    assert table["_prediction"].to_pylist() == [int(p >= 0.4) for p in table["_probability"].to_pylist()]
    assert set(table["_prediction"].to_pylist()) == {0, 1}


def test_inputs_are_logged_as_the_api_logs_them(platform, as_of, tmp_path):
    clients = draw(300, seed=5)
    names = [f.name for f in platform.bundle.manifest.features]
    parser = PayloadParser(platform.bundle.manifest.contract, names)
    payloads = json.loads(clients[names].to_json(orient="records", double_precision=15))
    through_api = [parser.parse(payload).values for payload in payloads]
    assert any(values["region"] is None for values in through_api)
    assert any(values["signal.min"] is None for values in through_api)
    for at, path in enumerate((as_csv(tmp_path, clients), as_parquet(tmp_path, clients))):
        time = as_of + dt.timedelta(hours=at)
        table = pq.read_table(score_file(platform.settings, platform.use_case, path, as_of=time).output)
        by_id = dict(logged(platform, time, "inference_id::text, input"))
        inputs = [by_id[i] for i in table["_inference_id"].to_pylist()]
        assert inputs == through_api
        assert {type(values["Age Years"]) for values in inputs} == {int}
        assert table["Age Years"].type == pa.int64()
        assert table["region"].to_pylist() == [values["region"] for values in through_api]
        assert table["signal.min"].null_count == sum(values["signal.min"] is None for values in through_api)


def test_what_is_written_names_version_row_and_time(platform, as_of, tmp_path):
    summary = score_file(platform.settings, platform.use_case, as_csv(tmp_path, draw(3)), as_of=as_of)
    file = pq.ParquetFile(summary.output)
    metadata = {k.decode(): v.decode() for k, v in file.schema_arrow.metadata.items() if k != b"ARROW:schema"}
    assert metadata == {"model": "churn-scored", "version": summary.model_version, "as_of": as_of.isoformat()}
    rows = {r["_row_key"]: r for r in file.read().to_pylist()}
    run_id = platform.bundle.manifest.run_id
    assert {(r[2], r[4], r[5], r[6]) for r in predictions(platform, as_of)} == {
        (key, r["_inference_id"], r["_prediction"], r["_probability"]) for key, r in rows.items()
    }
    assert set(logged(platform, as_of, "use_case, model_name, model_version, run_id, source, row_key, warnings")) == {
        ("customer_churn", "churn-scored", summary.model_version, run_id, "batch", key, None) for key in rows
    }


def test_parquet_cells_are_read_whatever_type_they_have(platform, as_of, tmp_path):
    clients = draw(40, seed=6)
    plain = score_file(platform.settings, platform.use_case, as_parquet(tmp_path, clients), as_of=as_of)
    odd = clients.astype({"Age Years": "float64", "plan.type": "category", "calls.day": "float64"})
    odd["more"] = [{"nested": [1]}] * 40
    other = as_parquet(tmp_path, odd, "other.parquet")
    summary = score_file(platform.settings, platform.use_case, other, as_of=as_of)
    assert (summary.rows_scored, summary.rows_new, summary.rows_rejected) == (40, 0, 0)
    a, b = (pq.read_table(s.output) for s in (plain, summary))
    assert a.equals(b)


# rows


def test_bad_rows_are_put_beside_the_output_with_their_reasons_and_the_good_ones_are_scored(platform, as_of, tmp_path):
    clients = draw(10).astype(object)
    clients.loc[1, "calls.day"] = "=1+1"
    clients.loc[2, ["plan.type", "Age Years"]] = ["@gold", 17]
    clients.loc[3, "bill.max"] = None
    clients.loc[4, "top.ups"] = "-\tx"
    clients.loc[5, "Age Years"] = "40.0"
    path = as_csv(tmp_path, clients)
    summary = score_file(platform.settings, platform.use_case, path, as_of=as_of)
    assert (summary.rows_scored, summary.rows_new, summary.rows_rejected) == (5, 5, 5)
    assert summary.rejected.endswith(".rejected.csv")
    with Path(summary.rejected).open(newline="") as file:
        rejected = list(csv.DictReader(file))
    assert [json.loads(r["_reasons"]) for r in rejected] == [
        ["calls.day: type"],
        ["Age Years: range", "plan.type: categories"],
        ["bill.max: nulls"],
        ["top.ups: type"],
        ["Age Years: type"],
    ]
    assert [rejected[0]["calls.day"], rejected[1]["plan.type"], rejected[3]["top.ups"]] == ["'=1+1", "'@gold", "'-\tx"]
    assert [rejected[2]["bill.max"], rejected[4]["Age Years"]] == ["", "40.0"]
    good = clients.drop(index=[1, 2, 3, 4, 5]).convert_dtypes()
    assert pq.read_table(summary.output)["_probability"].to_pylist() == expected(platform, good).tolist()
    keys = {r["_row_key"] for r in rejected}
    assert len(keys) == 5
    assert not keys & {r[2] for r in predictions(platform, as_of)}
    clients.iloc[[0, *range(6, 10)]].to_csv(path, index=False)
    assert score_file(platform.settings, platform.use_case, path, as_of=as_of).rejected is None
    assert not Path(summary.rejected).exists()


def test_a_file_of_bad_rows_only_is_scored_as_none(platform, as_of, tmp_path):
    path = as_csv(tmp_path, draw(3).assign(**{"plan.type": "gold"}))
    summary = score_file(platform.settings, platform.use_case, path, as_of=as_of)
    assert (summary.rows_scored, summary.rows_new, summary.rows_rejected) == (0, 0, 3)
    assert pq.read_table(summary.output).num_rows == 0


def test_a_file_needs_neither_the_target_nor_the_key_and_what_else_it_has_is_ignored(platform, as_of, tmp_path):
    clients = draw(20)
    names = [f.name for f in platform.bundle.manifest.features]
    path = as_csv(tmp_path, clients[names[::-1]].assign(more="=1"))
    summary = score_file(platform.settings, platform.use_case, path, as_of=as_of)
    assert (summary.rows_scored, summary.rows_new) == (20, 20)
    assert pq.read_table(summary.output)["_probability"].to_pylist() == expected(platform, clients).tolist()


def test_rows_without_a_key_are_told_apart_by_their_place(platform, as_of, tmp_path):
    clients = draw(6)
    clients.loc[[1, 2, 3], "client.id"] = None
    summary = score_file(platform.settings, platform.use_case, as_csv(tmp_path, clients), as_of=as_of)
    assert summary.rows_new == len(predictions(platform, as_of)) == 6


def test_a_row_is_known_by_its_key_in_whatever_file(platform, as_of, tmp_path):
    clients = draw(6)
    score_file(platform.settings, platform.use_case, as_csv(tmp_path, clients), as_of=as_of)
    more = as_parquet(tmp_path, draw(8).iloc[::-1])
    assert score_file(platform.settings, platform.use_case, more, as_of=as_of).rows_new == 2


def test_a_quoted_empty_cell_is_no_null(platform, as_of, tmp_path):
    clients = draw(2).assign(region=["", None])
    path = tmp_path / "batch.csv"
    path.write_text(clients.assign(region=["#", None]).to_csv(index=False).replace("#", '""'))
    summary = score_file(platform.settings, platform.use_case, path, as_of=as_of)
    assert (summary.rows_scored, summary.rows_rejected) == (1, 1)


def test_byte_order_mark_crlf_empty_lines_and_line_breaks_in_cells_change_nothing(platform, as_of, tmp_path):
    clients = draw(5).assign(note="a\nb")
    path = tmp_path / "batch.csv"
    path.write_text("\ufeff" + clients.to_csv(index=False, lineterminator="\r\n") + "\r\n\r\n", newline="")
    summary = score_file(platform.settings, platform.use_case, path, as_of=as_of)
    assert pq.read_table(summary.output)["_probability"].to_pylist() == expected(platform, clients).tolist()


# refusal


HEADER, FIRST, *_ = draw(3).to_csv(index=False).splitlines()
CLEAN = draw(3).to_csv(index=False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (draw(3).drop(columns=["calls.day", "Age Years"]).to_csv(index=False), "'calls.day', 'Age Years'; it has"),
        (CLEAN.replace(",", ";"), "it lacks 'calls.day'"),
        (CLEAN.replace(FIRST, f"{FIRST}é").encode("latin-1"), "0xE9 is not UTF-8"),
        (CLEAN.replace(FIRST, f"{FIRST}\0"), "a NUL byte"),
        (CLEAN + 'C9,"0.5', "a quote is opened and never closed"),
        (CLEAN + "C9,0.5", "Expected 23 columns, got 2"),
        (CLEAN.replace(FIRST, f"{FIRST},1"), "Expected 23 columns, got 24"),
        (CLEAN.replace(",signal.min,", ",calls.day,"), "it lacks 'signal.min'"),
        (CLEAN.replace(",exit.survey,", ",calls.day,"), "it has more than one column 'calls.day'"),
        (CLEAN.replace("\n", "\r"), "a lone carriage return"),
        ("", "it lacks"),
        ("PAR1" + CLEAN, "it cannot be read as Parquet"),
        ("PAR1", "it cannot be read as Parquet"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_written(platform, as_of, tmp_path, content, reason):
    path = tmp_path / "batch.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert reason in refusal(platform, as_of, path)


def test_a_file_that_is_not_there_is_refused(platform, as_of, tmp_path):
    assert "No such file or directory" in refusal(platform, as_of, tmp_path / "none.csv")
    assert "Is a directory" in refusal(platform, as_of, tmp_path)


def test_parquet_that_is_cut_off_doubled_or_nested_is_refused(platform, as_of, tmp_path):
    whole = as_parquet(tmp_path, draw(500))
    cut = tmp_path / "cut.parquet"
    cut.write_bytes(whole.read_bytes()[:-100])
    assert "it cannot be read as Parquet" in refusal(platform, as_of, cut)
    table = pq.read_table(whole)
    pq.write_table(table.append_column("calls.day", table["bill.max"]), cut)
    assert "more than one column 'calls.day'" in refusal(platform, as_of, cut)
    at = table.schema.get_field_index("calls.day")
    pq.write_table(table.set_column(at, "calls.day", pa.array([[1.0]] * 500)), cut)
    assert "no plain values" in refusal(platform, as_of, cut)


def test_a_failure_in_the_middle_leaves_nothing(platform, as_of, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_source, "_BYTES_AT_ONCE", 20_000)
    path = tmp_path / "batch.csv"
    path.write_text(draw(1000).assign(**{"plan.type": "gold"}).to_csv(index=False) + "C9,0.5\n")
    asked = frames_seen(monkeypatch)
    assert "Row #1002: Expected 23 columns, got 2" in refusal(platform, as_of, path)
    assert len(asked) > 3


def frames_seen(monkeypatch):
    """Notes each frame that is scored before the failure."""
    seen, reasons = [], score._reasons
    monkeypatch.setattr(score, "_reasons", lambda cells, features: seen.append(len(cells)) or reasons(cells, features))
    return seen


def test_a_connection_cut_in_the_middle_leaves_nothing(platform, as_of, tmp_path, monkeypatch):
    monkeypatch.setattr(batch_source, "_BYTES_AT_ONCE", 20_000)
    before = count(platform.settings), written(platform)
    path = as_csv(tmp_path, draw(1000, seed=8))
    seen, reasons = [], score._reasons

    def cut_at_the_third(cells, features):
        seen.append(len(cells))
        if len(seen) == 3:
            read(
                platform.settings,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'score'"
                " AND datname = current_database()",
            )
        return reasons(cells, features)

    monkeypatch.setattr(score, "_reasons", cut_at_the_third)
    with pytest.raises(Exception, match=r"terminating connection|closed"):
        score_file(platform.settings, platform.use_case, path, as_of=as_of)
    monkeypatch.setattr(score, "_reasons", reasons)
    assert (count(platform.settings), written(platform)) == before
    assert score_file(platform.settings, platform.use_case, path, as_of=as_of).rows_new == 1000


def refusal(platform, as_of, path):
    before = count(platform.settings), written(platform)
    with pytest.raises(FileRefused) as refused:
        score_file(platform.settings, platform.use_case, path, as_of=as_of)
    assert (count(platform.settings), written(platform)) == before
    return str(refused.value)


def test_without_a_production_model_nothing_is_scored(platform, as_of, tmp_path):
    use_case = churn(tmp_path, 0, "churn-never-trained")
    before = count(platform.settings)
    with pytest.raises(NoProductionModel, match="churn-never-trained"):
        score_features(platform.settings, use_case, as_of=as_of)
    with pytest.raises(NoProductionModel, match="churn-never-trained"):
        score_file(platform.settings, use_case, as_csv(tmp_path, draw(3)), as_of=as_of)
    assert count(platform.settings) == before


def test_a_time_without_a_zone_is_refused(platform, as_of):
    with pytest.raises(ValueError, match="no time zone"):
        score_features(platform.settings, platform.use_case, as_of=as_of.replace(tzinfo=None))


# size


@pytest.mark.slow
def test_small_frames_give_what_one_gives(platform, as_of, tmp_path, monkeypatch):
    clients = draw(300, seed=9)
    clients.loc[::7, "plan.type"] = "gold"
    paths = [as_csv(tmp_path, clients), as_parquet(tmp_path, clients)]
    whole = [score_file(platform.settings, platform.use_case, path, as_of=as_of) for path in paths]
    tables = [pq.read_table(summary.output) for summary in whole]
    rejected = [Path(summary.rejected).read_bytes() for summary in whole]
    everything = score_features(platform.settings, platform.use_case, as_of=as_of)
    features = pq.read_table(everything.output)
    monkeypatch.setattr(batch_source, "_BYTES_AT_ONCE", 4000)
    monkeypatch.setattr(batch_source, "_CELLS_AT_ONCE", 400)
    seen = frames_seen(monkeypatch)
    for path, table, bad in zip(paths, tables, rejected, strict=True):
        again = score_file(platform.settings, platform.use_case, path, as_of=as_of)
        assert (again.rows_scored, again.rows_rejected, again.rows_new) == (257, 43, 0)
        assert pq.read_table(again.output).drop(["_probability"]).equals(table.drop(["_probability"]))
        assert Path(again.rejected).read_bytes() == bad
    assert score_features(platform.settings, platform.use_case, as_of=as_of).output == everything.output
    assert pq.read_table(everything.output).drop(["_probability"]).equals(features.drop(["_probability"]))
    assert max(seen) < 60


@pytest.mark.slow
def test_a_large_file_is_read_in_frames_of_bounded_size(platform, as_of, tmp_path, monkeypatch):
    one = draw(10_000, seed=11).to_csv(index=False)
    header, rows = one.split("\n", 1)
    path = tmp_path / "large.csv"
    path.write_text(f"{header}\n" + rows * 10)
    seen = frames_seen(monkeypatch)
    summary = score_file(platform.settings, platform.use_case, path, as_of=as_of)
    assert (summary.rows_scored, summary.rows_new) == (100_000, 10_000)
    assert sum(seen) == 100_000
    assert max(seen) < 80_000


# what people use


def test_the_first_predictions_are_given_as_plain_values(platform, tmp_path):
    clients = draw(30, seed=12)
    clients.loc[2, "plan.type"] = "gold"
    path = as_csv(tmp_path, clients)
    given = predict_batch(platform.settings, platform.use_case, path, 5)
    probabilities = expected(platform, clients.drop(index=2)).tolist()
    assert given["probabilities"] == probabilities[:5]
    assert given["predictions"] == [int(p >= 0.4) for p in probabilities[:5]]
    assert given["input_shape"] == [29, len(platform.bundle.manifest.features)]
    assert given["model_uri"] == f"models:/churn-scored/{given['model_version']}"
    assert given["rows_rejected"] == 1
    json.dumps(given)
    assert predict_batch(platform.settings, platform.use_case, None, 3)["input_shape"][0] == ROWS
    bad = as_csv(tmp_path, clients.iloc[[2]], "bad.csv")
    assert predict_batch(platform.settings, platform.use_case, bad, 3)["predictions"] == []


def test_a_file_of_any_name_has_an_output(platform, as_of, tmp_path):
    path = as_csv(tmp_path, draw(3), "ü" * 100 + " \n%s.csv")
    summary = score_file(platform.settings, platform.use_case, path, as_of=as_of)
    assert summary.rows_scored == 3
    assert Path(summary.output).name.isascii()
    assert Path(summary.output).name.isprintable()


# bounds


def test_first_and_last_event_date_are_included(platform, as_of):
    """The use case has no event time: the dates are written as ingestion would have."""
    days = [dt.date(2026, 5, 1) + dt.timedelta(days=i) for i in range(5)]
    with connect(platform.settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customer_churn.features SET _event_time = %s::date + (_line %% 5)::int WHERE _line <= 101", days[:1]
        )
    try:
        for at, (start, end, rows) in enumerate(
            [
                (days[1], days[3], 60),
                (days[4], None, 20),
                (None, days[0], 20),
                (days[2], days[2], 20),
                (days[3], days[1], 0),
                (days[0], days[4], 100),
            ]
        ):
            time = as_of + dt.timedelta(hours=at)
            summary = score_features(platform.settings, platform.use_case, as_of=time, start=start, end=end)
            assert (summary.rows_scored, summary.rows_new) == (rows, rows)
    finally:
        with connect(platform.settings.database_url) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE customer_churn.features SET _event_time = NULL")
