import datetime as dt
import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path

import pytest

from ml.errors import FileRefused, FileUnfinished
from ml.ingest import FileOutcome, ingest, ingest_file
from ml.ingestion.ledger import FileStatus, newest_judgement, pending_validation, record_validation
from ml.store import connect
from ml.use_case import UseCase
from tests.conftest import REPOSITORY
from tests.ingestion import DAY, ID, checksum, entries, make_use_case, put, rows


@pytest.fixture
def orders(tmp_path):
    return make_use_case(tmp_path)


def test_cells_are_stored_verbatim_with_line_file_and_key(settings, orders):
    put(orders, "x.csv", 'place,amount,paid\nnorth,007,no\n" so""uth ",1e3,YES\n')
    entry = ingest_file(settings, orders, Path("x.csv"), run_id="r")
    assert rows(settings, orders) == [("north", "007", "no"), (' so"uth ', "1e3", "YES")]
    assert rows(settings, orders, "_line", "_file_id", "_event_time") == [(2, entry.id, None), (3, entry.id, None)]
    assert (entry.status, entry.rows_read, entry.rows_new, entry.rows_repeated) == (FileStatus.LOADED, 2, 2, 0)


def test_the_key_is_a_digest_of_all_columns_that_does_not_depend_on_the_file(settings, orders):
    put(orders, "x.csv", "place,amount,paid\nnorth,1,no\n")
    put(orders, "y.csv", "paid,amount,place\nno,2,south\n")
    ingest(settings, orders, run_id="r")
    assert rows(settings, orders, "_row_key") == [
        (hashlib.sha256(b"(north,1,no)").hexdigest()[:32],),
        (hashlib.sha256(b"(south,2,no)").hexdigest()[:32],),
    ]


def test_an_unquoted_empty_cell_is_null_and_a_quoted_one_is_empty_and_they_are_two_rows(settings, orders):
    put(orders, "x.csv", 'place,amount,paid\nnorth,,no\nnorth,"",no\n')
    ingest(settings, orders, run_id="r")
    assert rows(settings, orders) == [("north", None, "no"), ("north", "", "no")]


def test_the_contract_says_what_means_null(settings, tmp_path):
    orders = make_use_case(tmp_path, file={"null": "NA"})
    put(orders, "x.csv", 'place,amount,paid\nnorth,NA,no\nnorth,"NA",no\nnorth,,no\n')
    ingest(settings, orders, run_id="r")
    assert rows(settings, orders, "amount") == [(None,), ("NA",), ("",)]


def test_a_line_break_inside_quotes_is_part_of_the_cell_and_lines_count_records(settings, orders):
    put(orders, "x.csv", 'place,amount,paid\n"no\nrth",1,no\nsouth,2,yes\n')
    ingest(settings, orders, run_id="r")
    assert rows(settings, orders, "_line", "place") == [(2, "no\nrth"), (3, "south")]


def test_a_last_line_without_line_break_is_a_row(settings, orders):
    put(orders, "x.csv", "place,amount,paid\nnorth,1,no")
    assert ingest(settings, orders, run_id="r").rows_new == 1


def test_a_header_alone_is_a_file_of_no_rows(settings, orders):
    put(orders, "x.csv", "place,amount,paid\n")
    assert ingest(settings, orders, run_id="r").files == [FileOutcome("x.csv", "loaded")]


def test_columns_the_contract_ignores_are_left_out_of_rows_and_keys(settings, tmp_path):
    orders = make_use_case(tmp_path, file={"extra_columns": "ignore"})
    put(orders, "x.csv", "new,place,amount,paid\n1,north,1,no\n2,north,1,no\n")
    assert ingest(settings, orders, run_id="r").files == [FileOutcome("x.csv", "loaded", None, 2, 1, 1)]
    assert rows(settings, orders) == [("north", "1", "no")]


def test_of_rows_with_the_same_declared_key_the_first_line_of_a_file_counts(settings, tmp_path):
    orders = make_use_case(tmp_path, ID)
    put(orders, "x.csv", "id,place,amount,paid\na,north,1,no\na,south,2,yes\nb,north,3,no\n")
    assert ingest(settings, orders, run_id="r").files == [FileOutcome("x.csv", "loaded", None, 3, 2, 1)]
    assert rows(settings, orders) == [("a", "north", "1", "no"), ("b", "north", "3", "no")]


def test_rows_without_a_key_are_told_apart_by_their_content(settings, tmp_path):
    orders = make_use_case(tmp_path, ID)
    put(orders, "x.csv", "id,place,amount,paid\n,north,1,no\n,south,2,yes\n,north,1,no\n")
    assert ingest(settings, orders, run_id="r").rows_new == 2


@pytest.mark.parametrize("order", [("x.csv", "y.csv"), ("y.csv", "x.csv")])
def test_of_files_with_the_same_declared_key_that_with_the_greater_checksum_counts(settings, tmp_path, order):
    orders = make_use_case(tmp_path, ID)
    content = {"x.csv": "id,place,amount,paid\na,north,1,no\n", "y.csv": "id,place,amount,paid\na,south,2,yes\n"}
    assert hashlib.sha256(content["x.csv"].encode()).digest() > hashlib.sha256(content["y.csv"].encode()).digest()
    for name in order:
        put(orders, name, content[name])
        ingest(settings, orders, run_id="r")
    assert rows(settings, orders) == [("a", "north", "1", "no")]


def test_a_row_that_comes_again_stays_with_the_file_that_brought_it(settings, orders):
    put(orders, "x.csv", "place,amount,paid\nnorth,1,no\n")
    first = ingest_file(settings, orders, Path("x.csv"), run_id="r")
    put(orders, "y.csv", "place,amount,paid\nsouth,1,no\nnorth,1,no\n")
    second = ingest_file(settings, orders, Path("y.csv"), run_id="r")
    assert rows(settings, orders, "place", "_file_id") == [("north", first.id), ("south", second.id)]
    assert (second.rows_read, second.rows_new, second.rows_repeated) == (2, 1, 1)


def test_a_corrected_file_takes_all_its_rows_over_from_the_one_that_failed_validation(settings, orders):
    put(orders, "x.csv", "place,amount,paid\nnorth,1,no\n???,1,no\n")
    failed = ingest_file(settings, orders, Path("x.csv"), run_id="r")
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        record_validation(cursor, failed.id, passed=False, rows_good=1, rows_quarantined=1, report="r.html")
    put(orders, "y.csv", "place,amount,paid\nnorth,1,no\nsouth,1,no\n")
    corrected = ingest_file(settings, orders, Path("y.csv"), run_id="r")
    assert rows(settings, orders, "place", "_file_id") == [
        ("???", failed.id),
        ("north", corrected.id),
        ("south", corrected.id),
    ]


def test_validation_finds_what_waits_for_it_in_the_ledger(settings, orders):
    def pending(**options):
        with connect(settings.database_url) as connection, connection.cursor() as cursor:
            return [e.file_name for e in pending_validation(cursor, "orders", **options)]

    def judge(entry, *, passed):
        with connect(settings.database_url) as connection, connection.cursor() as cursor:
            record_validation(cursor, entry.id, passed=passed, rows_good=1, rows_quarantined=0, report="r.html")
            return newest_judgement(cursor, "orders")

    loaded = []
    for name in ("x.csv", "y.csv"):
        put(orders, name, f"place,amount,paid\n{name},1,no\n")
        loaded.append(ingest_file(settings, orders, Path(name), run_id="r"))
    put(orders, "again.csv", "place,amount,paid\nx.csv,1,no\n")
    ingest(settings, orders, run_id="r")
    assert pending() == ["x.csv", "y.csv"]
    assert judge(loaded[0], passed=True).passed is True
    judgement = judge(loaded[1], passed=False)
    assert (judgement.file_name, judgement.passed, judgement.report) == ("y.csv", False, "r.html")
    assert pending() == []
    assert pending(include_failed=True) == ["y.csv"]


def test_a_file_dealt_with_before_is_not_looked_at_again(settings, orders):
    put(orders, "x.csv", "place,amount,paid\nnorth,1,no\n")
    assert [f.status for f in ingest(settings, orders, run_id="1").files] == ["loaded"]
    assert ingest(settings, orders, run_id="2").files == []
    put(orders, "x.csv", "place,amount,paid\nnorth,2,no\n")
    assert [f.status for f in ingest(settings, orders, run_id="3").files] == ["loaded"]


def test_a_run_leaves_later_days_to_later_runs(settings, orders):
    for day in (1, 2, 3):
        put(orders, f"x_2024-01-0{day}.csv", f"place,amount,paid\nnorth,{day},no\n")
    taken = ingest(settings, orders, run_id="r", logical_date=dt.datetime(2024, 1, 2, tzinfo=dt.UTC)).files
    assert [f.file for f in taken] == ["x_2024-01-01.csv", "x_2024-01-02.csv"]


def test_a_file_still_being_written_is_left_for_the_next_run(settings, orders):
    path = put(orders, "x.csv", "place,amount,paid\nnorth,1,no\n")
    with path.open("a") as writer:
        (postponed,) = ingest(settings, orders, run_id="r").files
        with pytest.raises(FileUnfinished):
            ingest_file(settings, orders, path, run_id="r")
        writer.write("south,2,yes\n")
    assert (postponed.file, postponed.status) == ("x.csv", "postponed")
    assert ingest(settings, orders, run_id="r").rows_new == 2


def test_a_summary_goes_through_json(settings, orders):
    put(orders, "x.csv", "place,amount,paid\nnorth,1,no\n")
    put(orders, "y.csv", "")
    summary = json.loads(json.dumps(asdict(ingest(settings, orders, run_id="r"))))
    assert summary == {
        "files": [
            {"file": "x.csv", "status": "loaded", "reason": None, "rows_read": 1, "rows_new": 1, "rows_repeated": 0},
            {"file": "y.csv", "status": "rejected", "reason": summary["rejected"][0], "rows_read": 0, "rows_new": 0,
             "rows_repeated": 0},
        ],
        "rows_new": 1,
        "rejected": ["y.csv refused: it is empty; not even a header. No row of it was loaded."],
    }  # fmt: skip


def test_the_log_says_how_many_rows_and_how_fast(settings, orders, caplog):
    put(orders, "x.csv", "place,amount,paid\nnorth,1,no\nnorth,1,no\n")
    with caplog.at_level(logging.INFO, "ml.ingest"):
        ingest(settings, orders, run_id="r")
    (message,) = caplog.messages
    assert message.startswith("x.csv loaded: 2 rows read, 1 new, 1 repeated, ")
    assert message.endswith(" rows/s.")


def test_a_column_of_dates_is_the_event_time_and_what_is_no_date_is_null(settings, tmp_path):
    orders = make_use_case(tmp_path, DAY, event_time={"name": "ordered", "meaning": "Day of the order"})
    days = ("2024-02-29", "2023-02-29", "today", "05/01/2024", "", "0000-01-01")
    put(orders, "x.csv", "ordered,place,amount,paid\n" + "".join(f"{d},north,1,no\n" for d in days))
    ingest(settings, orders, run_id="r")
    assert rows(settings, orders, "_event_time") == [(dt.date(2024, 2, 29),), *[(None,)] * 5]
    assert rows(settings, orders, "ordered")[1:3] == [("2023-02-29",), ("today",)]


def test_the_second_use_case_goes_in_as_it_is(settings, tmp_path):
    churn = UseCase(tmp_path / "customer_churn")
    churn.landing.mkdir(parents=True)
    source = REPOSITORY / "tests" / "use_cases" / "customer_churn" / "contract.yaml"
    (churn.folder / "contract.yaml").write_text(source.read_text())
    names = [c.name for c in churn.contract.columns]
    put(churn, "x.csv", ",".join(names) + "\n" + ",".join("C1" for _ in names) + "\n")
    assert ingest(settings, churn, run_id="r").rows_new == 1
    assert rows(settings, churn, "client.id", "Age Years") == [("C1", "C1")]
    assert checksum(settings, churn).startswith("1:")
    assert entries(settings, churn) == [("x.csv", "loaded")]


def test_a_file_that_is_not_there_is_not_refused(settings, orders):
    with pytest.raises(FileNotFoundError):
        ingest_file(settings, orders, Path("x.csv"), run_id="r")
    assert entries(settings, orders) == []


def test_a_refused_file_raises_once_it_was_put_aside(settings, orders):
    path = put(orders, "x.csv", "place,amount,paid\nnorth,1\n")
    with pytest.raises(FileRefused) as caught:
        ingest_file(settings, orders, path, run_id="r")
    assert caught.value.line == 2
    assert (orders.landing / "rejected" / "x.csv.reason.txt").read_text() == f"{caught.value}\n"
    assert entries(settings, orders) == [("x.csv", "rejected")]
