"""Faults of ingestion, really produced: damaged files, runs repeated, at once and killed, hostile names."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import psycopg2
import pytest

from ml.errors import FileRefused
from ml.ingest import ingest, ingest_file
from ml.store import connect
from ml.use_case import UseCase
from tests.conftest import REPOSITORY
from tests.ingestion import DAY, ID, checksum, entries, make_use_case, put, rows

HEADER = "place,amount,paid\n"
CLEAN = HEADER + "north,1,no\nsouth,2,yes\nZürich,3,no\n"


@pytest.fixture
def orders(tmp_path):
    return make_use_case(tmp_path)


@pytest.fixture
def real_use_case(tmp_path, real_data):
    """The first use case with an empty landing folder of its own, and the real file's bytes."""

    def make(name: str) -> UseCase:
        contract = (REPOSITORY / "data" / "bank_marketing" / "contract.yaml").read_text()
        use_case = UseCase(tmp_path / name)
        use_case.landing.mkdir(parents=True)
        (use_case.folder / "contract.yaml").write_text(
            contract.replace("use_case: bank_marketing", f"use_case: {name}")
        )
        return use_case

    make.content = real_data.read_bytes()
    return make


def refused(settings, use_case: UseCase, content: str | bytes, name: str = "x.csv") -> str:
    """Ingest a file beside a good one; returns the reason, having checked that it alone was kept out and put aside."""
    put(use_case, name, content)
    put(use_case, "good.csv", HEADER + "good,1,no\n")
    summary = ingest(settings, use_case, run_id="r")
    assert {f.file: f.status for f in summary.files} == {name: "rejected", "good.csv": "loaded"}
    assert rows(settings, use_case, "place") == [("good",)]
    assert sorted(entries(settings, use_case)) == sorted([(name, "rejected"), ("good.csv", "loaded")])
    rejected = use_case.landing / "rejected"
    assert not (use_case.landing / name).exists()
    assert (rejected / name).read_bytes() == (content.encode() if isinstance(content, str) else content)
    (reason,) = summary.rejected
    assert (rejected / f"{name}.reason.txt").read_text() == f"{reason}\n"
    return reason


# I1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (HEADER + "north,1,no\nsouth", "line 3: the row ends before column 'amount': it is cut off"),
        (HEADER + 'north,1,no\n"sou', "line 3: a quote is opened and never closed: the file is cut off"),
        (HEADER + 'north,1,no\n"south,2,yes\nnorth,3,no\n', "a quote is opened and never closed"),
        (HEADER + "north,1,no,\n", "line 2: the row has more cells than the header"),
        (HEADER + "north,1,no\n\n", "line 3: the row ends before column 'amount': it is cut off, empty"),
        (HEADER.replace(",", ";") + "north;1;no\n", "line 1: its columns are separated by ';', the contract says ','"),
        (HEADER + "north;1;no\n", "line 2: the row ends before column 'amount'"),
        (HEADER + "north,1,no\r\nsouth,2,yes\n", "line 2: some lines end with LF and some with CR or CRLF"),
        (HEADER + "north,1,no\n\\.\nsouth,2,yes\n", r"line 3: the line is `\.`, which Postgres takes for the end"),
        ("place,am", "line 1: the header has no column 'amount', 'paid'; unknown column 'am'"),
        ("", "it is empty; not even a header"),
    ],
)
def test_i1_a_file_cut_off_or_with_the_wrong_delimiter_leaves_no_row(settings, orders, content, reason):
    assert reason in refused(settings, orders, content)


def test_i1_the_real_file_cut_off_anywhere_but_at_a_row_leaves_no_row(settings, real_use_case):
    use_case = real_use_case("cut")
    for at in random.Random(1).sample(range(200, len(real_use_case.content)), 5):
        assert real_use_case.content[at - 1 : at] != b"\n"
        put(use_case, "x.csv", real_use_case.content[:at])
        (outcome,) = ingest(settings, use_case, run_id="r").files
        assert outcome.status == "rejected"
    assert rows(settings, use_case) == []


# I2


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("bom", "\ufeff" + CLEAN),
        ("crlf", CLEAN.replace("\n", "\r\n")),
        ("both", ("\ufeff" + CLEAN).replace("\n", "\r\n")),
        ("quoted", "\ufeff" + "\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in CLEAN.splitlines())),
    ],
)
def test_i2_byte_order_mark_and_crlf_change_nothing(settings, orders, tmp_path, name, variant):
    other = make_use_case(tmp_path, name=name)
    put(orders, "x.csv", CLEAN)
    put(other, "x.csv", variant)
    for use_case in (orders, other):
        assert ingest(settings, use_case, run_id="r").rows_new == 3
    assert checksum(settings, orders) == checksum(settings, other)
    assert rows(settings, orders, "_row_key") == rows(settings, other, "_row_key")


def test_i2_latin1_is_put_aside_with_the_offset_of_its_first_byte(settings, orders):
    content = CLEAN.encode("latin-1")
    assert f"byte {content.index(0xFC)}: 0xFC is not UTF-8" in refused(settings, orders, content)


def test_i2_nul_is_put_aside_with_its_offset(settings, orders):
    assert f"byte {len(HEADER) + 3}: a NUL byte" in refused(settings, orders, HEADER + "nor\0th,1,no\n")


def test_i2_a_bad_byte_far_into_the_file_leaves_no_row(settings, orders):
    good = "".join(f"north,{i},no\n" for i in range(200_000))
    content = (HEADER + good).encode() + b"\xff,1,no\n"
    assert f"byte {len(content) - 7}: 0xFF" in refused(settings, orders, content)


# I3


def test_i3_reordered_columns_change_nothing(settings, orders, tmp_path):
    other = make_use_case(tmp_path, name="other")
    put(orders, "x.csv", CLEAN)
    put(other, "x.csv", "\n".join(",".join(line.split(",")[i] for i in (2, 0, 1)) for line in CLEAN.splitlines()))
    for use_case in (orders, other):
        ingest(settings, use_case, run_id="r")
    assert checksum(settings, orders) == checksum(settings, other)


def test_i3_missing_columns_are_refused_by_name(settings, orders):
    assert "the header has no column 'amount'." in refused(settings, orders, "place,paid\nnorth,no\n")


def test_i3_extra_columns_are_refused_by_name_or_ignored_as_the_contract_says(settings, orders, tmp_path):
    content = "place,amount,more,paid\nnorth,1,x,no\n"
    assert "unknown column 'more'." in refused(settings, orders, content)
    lenient = make_use_case(tmp_path, name="lenient", file={"extra_columns": "ignore"})
    put(lenient, "x.csv", content)
    ingest(settings, lenient, run_id="r")
    assert rows(settings, lenient) == [("north", "1", "no")]


def test_i2_i3_the_real_file_is_the_same_however_it_is_written(settings, real_use_case):
    content = real_use_case.content.decode()
    reordered = "\n".join(";".join(reversed(line.split(";"))) for line in content.splitlines())
    variants = {
        "plain": content,
        "bom_crlf": "\ufeff" + content.replace("\n", "\r\n"),
        "reordered": reordered,
        "unquoted": content.replace('"', ""),
    }
    found = {}
    for name, text in variants.items():
        use_case = real_use_case(name)
        put(use_case, "x.csv", text)
        assert ingest(settings, use_case, run_id="r").rows_new == 45_211
        found[name] = checksum(settings, use_case)
    assert set(found.values()) == {found["plain"]}
    days = [day for (day,) in rows(settings, use_case, "_event_time")]
    assert days == sorted(days)
    assert (days[0], days[-1]) == (dt.date(2008, 5, 5), dt.date(2010, 11, 17))
    months = {(day.year, day.month) for day in days}
    assert (2008, 9) not in months
    assert len(months) == 30


# I4


def test_i4_duplicate_rows_are_one_row(settings, orders):
    put(orders, "x.csv", CLEAN + "south,2,yes\nsouth,02,yes\nnorth,1,no\n")
    (outcome,) = ingest(settings, orders, run_id="r").files
    assert (outcome.rows_read, outcome.rows_new, outcome.rows_repeated) == (6, 4, 2)
    assert len(rows(settings, orders)) == len(set(rows(settings, orders))) == 4


def test_i4_the_same_file_under_another_name_changes_nothing_and_says_so(settings, orders):
    put(orders, "x.csv", CLEAN)
    ingest(settings, orders, run_id="r")
    before = rows(settings, orders, "_row_key", "_file_id", "_line")
    put(orders, "y.csv", CLEAN)
    (outcome,) = ingest(settings, orders, run_id="r").files
    assert (outcome.file, outcome.status, outcome.rows_new) == ("y.csv", "duplicate", 0)
    assert outcome.reason.startswith("The same content as x.csv, loaded as file ")
    assert rows(settings, orders, "_row_key", "_file_id", "_line") == before
    assert entries(settings, orders) == [("x.csv", "loaded"), ("y.csv", "duplicate")]


# I5; what validation makes of these cells is tested with it


def test_i5_unknown_categories_and_cells_that_look_like_formulas_are_stored_verbatim(settings, orders):
    cells = ["=1+1", "+1", "-1", "@SUM(A1)", '=cmd|"/c calc"!A0', "east", "\tnorth", " =1", "\u202enorth"]
    quoted = ('"' + cell.replace('"', '""') + '"' for cell in cells)
    put(orders, "x.csv", HEADER + "".join(f"{cell},1,no\n" for cell in quoted))
    ingest(settings, orders, run_id="r")
    assert [place for (place,) in rows(settings, orders, "place")] == cells


# I7


def ingest_in_a_process(database_url: str, use_case: UseCase) -> subprocess.Popen:
    program = (
        "import sys; from pathlib import Path; from ml.ingest import ingest; from ml.settings import Settings;"
        " from ml.use_case import UseCase;"
        " ingest(Settings(database_url=sys.argv[1]), UseCase(Path(sys.argv[2])), run_id='killed')"
    )
    return subprocess.Popen([sys.executable, "-c", program, database_url, str(use_case.folder)], cwd=REPOSITORY)


def wait_until(question: str, database_url: str) -> None:
    connection = psycopg2.connect(database_url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for _ in range(60_000):
                cursor.execute(question)
                if cursor.fetchone()[0]:
                    return
                time.sleep(0.001)
    finally:
        connection.close()
    raise AssertionError(f"not so after 60 s: {question}")


def test_i7_a_process_killed_in_the_middle_of_copy_leaves_nothing_and_the_retry_is_exact(
    settings, orders, database_url
):
    put(orders, "x.csv", HEADER + "".join(f"north,{i},no\n" for i in range(300_000)))
    with ingest_in_a_process(database_url, orders) as process:
        wait_until("SELECT EXISTS (SELECT FROM pg_stat_progress_copy WHERE tuples_processed > 1000)", database_url)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    wait_until(
        "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'ml-ingest'"
        " AND datname = current_database())",
        database_url,
    )
    assert rows(settings, orders) == []
    assert entries(settings, orders) == []
    (outcome,) = ingest(settings, orders, run_id="r").files
    assert (outcome.status, outcome.rows_new) == ("loaded", 300_000)


# I8


def test_i8_eight_runs_of_the_same_day_at_once_are_as_one(settings, orders, tmp_path):
    one = make_use_case(tmp_path, name="one")
    content = HEADER + "".join(f"north,{i},no\n" for i in range(2_000))
    for use_case in (orders, one):
        put(use_case, "x_2024-01-05.csv", content)
        put(use_case, "bad_2024-01-05.csv", "nothing\n")
    together = Barrier(8)

    def run(number: int) -> list[str]:
        together.wait()
        day = dt.datetime(2024, 1, 5, tzinfo=dt.UTC)
        files = ingest(settings, orders, run_id=str(number), logical_date=day).files
        return [f.status for f in files if f.file[0] == "x"]  # nothing where it came so late that all was done

    with ThreadPoolExecutor(8) as pool:
        statuses = [status for found in pool.map(run, range(8)) for status in found]
    ingest(settings, one, run_id="r")
    assert statuses.count("loaded") == 1
    assert set(statuses) <= {"loaded", "duplicate"}
    assert checksum(settings, orders) == checksum(settings, one)
    assert [status for _, status in entries(settings, orders)].count("loaded") == 1
    assert sorted(p.name for p in (orders.landing / "rejected").iterdir() if "reason" not in p.name) == [
        "bad_2024-01-05.csv"
    ]


# I9


def test_i9_thirty_days_backfilled_twice_in_random_order_end_the_same(settings, tmp_path):
    shuffled = random.Random(9)
    days = {}
    for number in range(30):
        day = dt.date(2024, 1, 1) + dt.timedelta(days=number)
        # Orders come up again on later days, changed: the order of loading must not decide which one stays.
        lines = {f"order{shuffled.randrange(200)},{day},north,{shuffled.randrange(100)},no\n" for _ in range(40)}
        days[day] = "id,ordered,place,amount,paid\n" + "".join(sorted(lines))
    found = []
    for name in ("once", "again"):
        use_case = make_use_case(tmp_path, ID, DAY, name=name, event_time={"name": "ordered", "meaning": "Day"})
        for day in shuffled.sample(sorted(days), 30):
            put(use_case, f"orders_{day}.csv", days[day])
            logical_date = dt.datetime.combine(day, dt.time(), dt.UTC)
            assert len(ingest(settings, use_case, run_id="r", logical_date=logical_date).files) == 1
        once_over = checksum(settings, use_case)
        for day in shuffled.sample(sorted(days), 30):
            assert ingest_file(settings, use_case, Path(f"orders_{day}.csv"), run_id="r").status == "duplicate"
        assert checksum(settings, use_case) == once_over
        found.append(once_over)
    assert found[0] == found[1]


# I10


def test_i10_a_file_still_being_written_is_never_read_in_part(settings, orders):
    whole = HEADER + "".join(f"north,{i},no\n" for i in range(50))
    for attempt in range(20):
        with (orders.landing / "x.csv").open("w") as writer:
            writer.write(whole[: len(HEADER) + attempt * 11])
            writer.flush()
            (outcome,) = ingest(settings, orders, run_id="r").files
            assert outcome.status == "postponed"
    (orders.landing / "x.csv").replace(orders.landing / "x.csv.part")
    assert ingest(settings, orders, run_id="r").files == []
    assert rows(settings, orders) == []
    assert entries(settings, orders) == []


# X3


def test_x3_sql_in_cells_is_stored_as_data(settings, orders):
    cells = [
        "'; DROP SCHEMA orders CASCADE; --",
        '"); DROP TABLE "orders".raw; --',
        "$$; DELETE FROM ml.ingest_ledger; $$",
        "{} %s %(x)s \\x41 \\N",
        "north'||pg_sleep(1)||'",
    ]
    put(orders, "x.csv", HEADER + "".join('"{}",1,no\n'.format(c.replace('"', '""')) for c in cells))
    ingest(settings, orders, run_id="r")
    assert [place for (place,) in rows(settings, orders, "place")] == cells


def test_x3_sql_in_headers_and_file_names_is_data(settings, tmp_path, database_url):
    evil = 'x" text); DROP SCHEMA ml CASCADE; --'
    orders = make_use_case(tmp_path, file={"extra_columns": "ignore"})
    put(
        orders,
        "'; DROP TABLE ml.ingest_ledger; --.csv",
        f'place,"{evil.replace(chr(34), chr(34) * 2)}",amount,paid\nnorth,x,1,no\n',
    )
    before = tables(database_url)
    assert ingest(settings, orders, run_id="'; DROP SCHEMA ml; --").rows_new == 1
    assert rows(settings, orders) == [("north", "1", "no")]
    assert entries(settings, orders) == [("'; DROP TABLE ml.ingest_ledger; --.csv", "loaded")]
    put(orders, "y.csv", f'"{evil.replace(chr(34), chr(34) * 2)}"\n1\n')
    assert ingest(settings, orders, run_id="r").files[0].status == "rejected"
    assert [t for t in tables(database_url) if t[0] != "orders"] == before


def tables(database_url: str) -> list[tuple[str, str, str]]:
    with connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name, column_name FROM information_schema.columns"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3"
        )
        return cursor.fetchall()


# X6


@pytest.fixture
def canary(tmp_path):
    """A loadable file outside of the landing folder, which must never be read."""
    path = tmp_path / "canary.csv"
    path.write_text(HEADER + "canary,1,no\n")
    return path


@pytest.mark.parametrize(
    "path", ["../canary.csv", "../../canary.csv", "sub/../../../canary.csv", "..", "", "/etc/passwd"]
)
def test_x6_a_path_out_of_the_landing_folder_is_refused(settings, orders, canary, path):
    (orders.folder / "canary.csv").write_text(canary.read_text())
    for given in (Path(path), orders.landing / path if not path.startswith("/") else Path(path), canary.absolute()):
        with pytest.raises(FileRefused, match="does not lie directly in"):
            ingest_file(settings, orders, given, run_id="r")
    assert canary.exists()
    assert entries(settings, orders) == []


def test_x6_links_are_refused_and_what_they_lead_to_is_neither_read_nor_moved(settings, orders, canary):
    (orders.landing / "link.csv").symlink_to(canary)
    (orders.landing / "loop.csv").symlink_to("loop.csv")
    (orders.landing / "folder.csv").symlink_to(canary.parent, target_is_directory=True)
    summary = ingest(settings, orders, run_id="r")
    assert [f.status for f in summary.files] == ["rejected"] * 3
    assert all("it is a link" in reason for reason in summary.rejected)
    assert rows(settings, orders) == []
    assert "canary" in canary.read_text()
    assert (orders.landing / "rejected" / "link.csv").is_symlink()


def test_x6_a_rejected_folder_that_is_a_link_is_not_written_through(settings, orders, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (orders.landing / "rejected").symlink_to(elsewhere, target_is_directory=True)
    put(orders, "x.csv", "nothing\n")
    with pytest.raises(OSError, match="rejected"):
        ingest(settings, orders, run_id="r")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["a\nb.csv", "a\x1b[31m.csv", "a\u202e.csv", "a\udcff.csv"])
def test_x6_names_that_do_not_print_are_refused_and_escaped_wherever_they_show(settings, orders, name):
    put(orders, name, CLEAN)
    (outcome,) = ingest(settings, orders, run_id="r").files
    shown = name.encode("unicode_escape").decode()
    assert (outcome.file, outcome.status) == (shown, "rejected")
    assert entries(settings, orders) == [(shown, "rejected")]
    assert rows(settings, orders) == []
    assert sorted(p.name for p in (orders.landing / "rejected").iterdir()) == [shown, f"{shown}.reason.txt"]


def test_x6_folders_and_pipes_are_refused(settings, orders):
    (orders.landing / "folder.csv").mkdir()
    os.mkfifo(orders.landing / "pipe.csv")
    put(orders, "x.csv", CLEAN)
    summary = ingest(settings, orders, run_id="r")
    assert [(f.file, f.status) for f in summary.files] == [
        ("folder.csv", "rejected"),
        ("pipe.csv", "rejected"),
        ("x.csv", "loaded"),
    ]
