"""Files judged by the contract: what becomes of their rows, and what is said of them."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from ml.errors import DataError, ValidationFailed
from ml.ingest import ingest
from ml.store import connect
from ml.use_case import UseCase
from ml.validate import require_passed, validate
from ml.validation import judged_rows
from tests.ingestion import DAY, ID, make_use_case, put

HEADER = "id,place,amount,paid\n"
GOOD = "1,north,5,no\n2,south,,yes\n3,north,-7,no\n"


def with_limit(use_case, limit):
    """The use case with that share of bad rows allowed, read anew."""
    model = {"model_name": "m", "experiment": "e", "candidates": {"a": {"estimator": "LogisticRegression"}}}
    (use_case.folder / "model.yaml").write_text(yaml.safe_dump({**model, "validation": {"max_bad_fraction": limit}}))
    return UseCase(use_case.folder)


@pytest.fixture
def orders(tmp_path):
    return with_limit(make_use_case(tmp_path, ID), 0.5)


def deliver(settings, use_case, content, name="x.csv"):
    put(use_case, name, content)
    (outcome,) = ingest(settings, use_case, run_id="r").files
    assert outcome.status == "loaded"


def read(settings, statement):
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def features(settings):
    return read(settings, "SELECT id, place, amount, paid FROM orders.features ORDER BY _file_id, _line")


def quarantine(settings):
    return read(settings, "SELECT id, place, amount, paid, _reasons FROM orders.quarantine ORDER BY _file_id, _line")


def test_good_rows_become_features_with_types_and_bad_ones_wait_verbatim_with_their_reasons(settings, orders):
    deliver(settings, orders, HEADER + GOOD + "4,east,1e3,no\n5,north,+08,yes\n6,,1,maybe\n")
    summary = validate(settings, orders)
    (judged,) = summary.files
    assert (judged.file, judged.passed, judged.rows_good, judged.rows_quarantined) == ("x.csv", True, 4, 2)
    assert (summary.rows_good, summary.rows_quarantined, summary.reports) == (4, 2, [judged.report])
    assert features(settings) == [
        ("1", "north", 5, "no"), ("2", "south", None, "yes"), ("3", "north", -7, "no"), ("5", "north", 8, "yes"),
    ]  # fmt: skip
    (first, second) = quarantine(settings)
    assert first[:4] == ("4", "east", "1e3", "no")
    assert first[4] == [
        {"column": "amount", "rule": "type", "value": "1e3"},
        {"column": "place", "rule": "categories", "value": "east"},
    ]
    assert second[:4] == ("6", None, "1", "maybe")
    assert second[4] == [
        {"column": "place", "rule": "nulls", "value": None},
        {"column": "paid", "rule": "categories", "value": "maybe"},
    ]


def test_a_row_without_a_readable_date_says_so_of_its_event_time(settings, tmp_path):
    use_case = make_use_case(tmp_path, ID, DAY, event_time={"name": "ordered", "meaning": "Day"})
    orders = with_limit(use_case, 0.9)
    deliver(settings, orders, "id,ordered,place,amount,paid\n1,2024-02-29,north,1,no\n2,2023-02-29,north,1,no\n")
    assert validate(settings, orders).rows_quarantined == 1
    ((reasons,),) = read(settings, "SELECT _reasons FROM orders.quarantine")
    assert reasons == [
        {"column": "ordered", "rule": "type", "value": "2023-02-29"},
        {"column": "ordered", "rule": "event_time", "value": None},
    ]
    assert [str(day) for (day,) in read(settings, "SELECT _event_time FROM orders.features")] == ["2024-02-29"]


def test_a_file_is_judged_once(settings, orders):
    deliver(settings, orders, HEADER + GOOD)
    validate(settings, orders)
    before = read(settings, "SELECT * FROM ml.ingest_ledger")
    summary = validate(settings, orders)
    assert (summary.files, summary.rows_good, summary.reports) == ([], 0, [])
    assert validate(settings, orders, retry_failed=True).files == []
    assert read(settings, "SELECT * FROM ml.ingest_ledger") == before


def test_runs_at_once_judge_each_file_once(settings, orders):
    for at in range(3):
        deliver(settings, orders, HEADER + "".join(f"{at}-{i},north,{i},no\n" for i in range(200)), f"{at}.csv")
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(validate, settings, orders) for _ in range(4)]
    judged = [file.file for run in runs for file in run.result().files]
    assert sorted(judged) == ["0.csv", "1.csv", "2.csv"]
    assert len(features(settings)) == 600


def test_a_share_of_bad_rows_at_the_limit_passes_and_one_more_fails(settings, orders):
    deliver(settings, orders, HEADER + "1,north,1,no\n2,east,1,no\n")
    assert validate(settings, orders).files[0].passed
    deliver(settings, orders, HEADER + "3,north,1,no\n4,east,1,no\n5,east,1,no\n", "y.csv")
    with pytest.raises(
        ValidationFailed, match=r"y.csv: 2 of 3 rows \(66.7%\) .* 'place' breaks 'categories' in 2 rows"
    ):
        validate(settings, orders)
    assert [row[0] for row in features(settings)] == ["1"]
    assert [row[0] for row in quarantine(settings)] == ["2", "4", "5"]


def test_the_other_files_are_judged_though_one_fails(settings, orders):
    deliver(settings, orders, HEADER + "1,east,1,no\n", "a.csv")
    deliver(settings, orders, HEADER + "2,north,1,no\n", "b.csv")
    with pytest.raises(ValidationFailed, match=r"a\.csv"):
        validate(settings, orders)
    assert [row[0] for row in features(settings)] == ["2"]
    require_passed(settings, orders)


def test_training_waits_for_the_newest_file_to_pass(settings, orders):
    require_passed(settings, orders)
    deliver(settings, orders, HEADER + "1,east,1,no\n", "bad.csv")
    with pytest.raises(DataError, match=r"bad.csv is loaded but was not judged: validation of orders has not run yet"):
        require_passed(settings, orders)
    with pytest.raises(ValidationFailed):
        validate(settings, orders)
    with pytest.raises(DataError, match=r"bad.csv, failed validation: 1 rows break the contract. Report: .*html"):
        require_passed(settings, orders)
    deliver(settings, orders, HEADER + "1,north,1,no\n", "corrected.csv")
    validate(settings, orders)
    require_passed(settings, orders)
    assert (features(settings), quarantine(settings)) == ([("1", "north", 1, "no")], [])


def test_a_failed_file_is_judged_again_only_when_asked_and_by_the_contract_as_it_is_now(settings, orders):
    deliver(settings, orders, HEADER + "1,east,1,no\n2,north,1,no\n3,east,1,no\n")
    with pytest.raises(ValidationFailed) as failed:
        validate(settings, orders)
    report = Path(re.search(r"Report: (.*)", str(failed.value))[1])
    assert json.loads(report.with_suffix(".json").read_text())["verdict"] == "failed"
    assert validate(settings, orders).files == []
    with pytest.raises(ValidationFailed):
        validate(settings, orders, retry_failed=True)
    assert validate(settings, with_limit(orders, 0.9), retry_failed=True).rows_good == 1
    require_passed(settings, orders)
    assert json.loads(report.with_suffix(".json").read_text())["verdict"] == "passed"
    assert [row[0] for row in quarantine(settings)] == ["1", "3"]

    deliver(settings, orders, HEADER + "4,east,1,no\n", "y.csv")
    with pytest.raises(ValidationFailed):
        validate(settings, orders)
    path = orders.folder / "contract.yaml"
    path.write_text(path.read_text().replace("- north", "- north\n  - east"))
    (judged,) = validate(settings, UseCase(orders.folder), retry_failed=True).files
    assert (judged.file, judged.rows_good) == ("y.csv", 1)
    assert [row[0] for row in features(settings)] == ["2", "4"]


def test_a_file_that_brought_nothing_new_passes(settings, tmp_path):
    orders = with_limit(make_use_case(tmp_path), 0)
    content = "place,amount,paid\nnorth,1,no\n"
    deliver(settings, orders, content)
    validate(settings, orders)
    deliver(settings, orders, content.replace("\n", "\r\n"), "y.csv")
    (judged,) = validate(settings, orders).files
    assert (judged.file, judged.passed, judged.rows_good, judged.rows_quarantined) == ("y.csv", True, 0, 0)
    assert "0 of 0 rows (0 %)" in Path(judged.report).read_text(encoding="utf-8")
    require_passed(settings, orders)


def test_a_file_is_judged_alike_in_frames_of_any_size(settings, orders, monkeypatch):
    deliver(settings, orders, HEADER + "".join(f"{i},{'east' if i % 3 else 'north'},{i},no\n" for i in range(100)))
    monkeypatch.setattr(judged_rows, "_CELLS_AT_ONCE", 60)
    (judged,) = validate(settings, with_limit(orders, 1)).files
    assert (judged.rows_good, judged.rows_quarantined) == (34, 66)
    assert [int(row[0]) for row in features(settings)] == list(range(0, 100, 3))
    facts = json.loads(Path(judged.report).with_suffix(".json").read_text())
    (place,) = (e for e in facts["expectations"] if (e["column"], e["rule"]) == ("place", "categories"))
    assert (place["evaluated"], place["unexpected"], place["examples"]) == (100, 66, ["east"])


def test_the_report_names_bad_examples_and_escapes_them(settings, tmp_path):
    note = {"name": "<b>note</b>", "type": "category", "categories": ["<i>"], "meaning": '"><script>alert(1)</script>'}
    orders = with_limit(make_use_case(tmp_path, ID, note, title="<h1>Orders</h1>"), 0.5)
    attacks = ["<script>alert(2)</script>", "<img src=x onerror=alert(3)>", "x" * 300]
    rows = "".join(f"{i},{text},north,1,no\n" for i, text in enumerate([*attacks, *["<i>"] * 6]))
    deliver(settings, orders, "id,<b>note</b>,place,amount,paid\n" + rows + "9,<i>,north,,no\n", "<u>x.csv")
    (judged,) = validate(settings, orders).files
    page = Path(judged.report).read_text(encoding="utf-8")
    for raw in ("<script>", "<img", "<b>", "<u>", "<h1>O", "<i>"):
        assert raw not in page
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in page
    assert "&lt;img src=x onerror=alert(3)&gt;" in page
    assert "x" * 200 in page
    assert "x" * 201 not in page
    assert "✓ Passed" in page
    assert "3 of 10 rows (30 %) break the contract; the limit is 50 %" in page
    assert not re.findall(r'(?:src|href)="', page)
    facts = json.loads(Path(judged.report).with_suffix(".json").read_text())
    assert {k: facts[k] for k in ("file", "verdict", "rows", "rows_good", "rows_quarantined", "bad_fraction")} == {
        "file": "<u>x.csv", "verdict": "passed", "rows": 10, "rows_good": 7, "rows_quarantined": 3,
        "bad_fraction": 0.3,
    }  # fmt: skip
    by_name = {column["column"]: column for column in facts["columns"]}
    assert by_name["<b>note</b>"]["broken"] == {"categories": 3}
    assert by_name["<b>note</b>"]["examples"] == [text[:200] for text in attacks]
    assert by_name["place"]["broken"] == {}


def test_the_report_of_a_failed_file_says_what_to_do(settings, orders):
    deliver(settings, orders, HEADER + "1,,1,no\n")
    with pytest.raises(ValidationFailed) as failed:
        validate(settings, orders)
    page = Path(re.search(r"Report: (.*)", str(failed.value))[1]).read_text(encoding="utf-8")
    assert "▲ Failed" in page
    assert "Nothing of the file became a feature" in page
    assert "<em>null</em>" in page
