import datetime as dt
import os
from pathlib import Path

import pytest

from ml.errors import FileRefused, FileUnfinished
from ml.ingestion import landing


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("x")


def read(folder: Path, name: str) -> bytes:
    with landing.opened(folder, name) as file:
        return file.read()


def test_csv_files_are_due_undated_ones_first_then_by_day(tmp_path):
    touch(tmp_path, "b_2024-01-02.csv", "a_2024-01-03.CSV", "z.csv", "notes.txt")
    assert landing.due(tmp_path, None) == ["z.csv", "b_2024-01-02.csv", "a_2024-01-03.CSV"]


def test_files_still_being_written_are_not_due(tmp_path):
    touch(tmp_path, ".x.csv", "x.csv.part", "x.csv.tmp", "x.part")
    assert landing.due(tmp_path, None) == []


def test_a_run_takes_what_is_dated_up_to_its_day_in_utc(tmp_path):
    touch(tmp_path, "x_2024-01-02.csv", "x_2024-01-03.csv", "x.csv")
    late = dt.datetime(2024, 1, 3, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert landing.due(tmp_path, late) == ["x.csv", "x_2024-01-02.csv"]
    assert landing.due(tmp_path, dt.datetime(2024, 1, 3)) == ["x.csv", "x_2024-01-02.csv", "x_2024-01-03.csv"]


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("x_2024-01-05.csv", dt.date(2024, 1, 5)),
        ("2024-01-01_to_2024-01-31.csv", dt.date(2024, 1, 31)),
        ("x_2024-13-05.csv", None),
        ("x_12024-01-05.csv", None),
        ("x.csv", None),
    ],
)
def test_a_file_belongs_to_the_last_day_its_name_holds(name, day):
    assert landing.day_of(name) == day


def test_a_file_is_given_by_its_name_or_by_its_path_in_the_folder(tmp_path):
    assert landing.name_of(tmp_path, Path("x.csv")) == "x.csv"
    assert landing.name_of(tmp_path, tmp_path / "x.csv") == "x.csv"
    assert landing.name_of(Path("data/landing"), Path("data/landing").absolute() / "x.csv") == "x.csv"


def test_a_file_that_somebody_writes_to_is_unfinished_until_it_is_closed(tmp_path):
    touch(tmp_path, "x.csv")
    with (tmp_path / "x.csv").open("a"), pytest.raises(FileUnfinished, match="open for writing"):
        read(tmp_path, "x.csv")
    assert read(tmp_path, "x.csv") == b"x"


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("pipe.csv", "folder.csv"):
        with pytest.raises(FileRefused, match="not a regular file"):
            read(tmp_path, name)


def test_what_is_refused_is_put_aside_with_its_reason_and_never_over_an_earlier_one(tmp_path):
    for content in ("first", "second"):
        path = tmp_path / "x.csv"
        path.write_text(content)
        landing.put_aside(tmp_path, "x.csv", path.lstat(), f"because {content}")
    rejected = tmp_path / "rejected"
    assert {p.name: p.read_text() for p in rejected.iterdir()} == {
        "x.csv": "first",
        "x.csv.reason.txt": "because first\n",
        "x.2.csv": "second",
        "x.2.csv.reason.txt": "because second\n",
    }


def test_a_file_that_took_the_place_of_a_refused_one_stays(tmp_path):
    touch(tmp_path, "x.csv")
    seen = (tmp_path / "x.csv").lstat()
    touch(tmp_path, "new")
    (tmp_path / "new").replace(tmp_path / "x.csv")
    landing.put_aside(tmp_path, "x.csv", seen, "because")
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_a_file_is_changing_while_its_size_or_time_changes(tmp_path):
    touch(tmp_path, "x.csv")
    seen = (tmp_path / "x.csv").lstat()
    assert not landing.is_changing(tmp_path, "x.csv", seen)
    (tmp_path / "x.csv").write_text("more")
    assert landing.is_changing(tmp_path, "x.csv", seen)
    (tmp_path / "x.csv").unlink()
    assert not landing.is_changing(tmp_path, "x.csv", seen)


def test_names_are_shown_escaped_and_cut():
    assert landing.printable("a\nb\udcff\u202e.csv") == "a\\nb\\udcff\\u202e.csv"
    assert len(landing.printable("é" * 200).encode()) == 180
