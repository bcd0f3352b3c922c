"""Where a use case's data comes from."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ml.contract import SourceArchive
from ml.errors import FileRefused, NoDataSource
from ml.features import read_snapshot
from ml.ingest import ingest
from ml.ingestion.landing import due
from ml.ingestion.source import ProvidedData, provide
from ml.publish import publishing
from ml.samples.profile import build_profile
from ml.samples.profile_schema import profile_path
from ml.settings import Settings
from ml.use_case import UseCase
from ml.validate import require_passed, validate
from tests.ingestion import entries, make_use_case, put, rows
from tests.ml.web import body, closed_port, pinned, serving, zipped

MODEL = {"model_name": "m", "experiment": "e", "candidates": {"linear": {"estimator": "LogisticRegression"}}}
CSV = b"place,amount,paid\nnorth,1,no\nsouth,2,yes\n"
OTHER = b"place,amount,paid\nnorth,3,no\n"


@pytest.fixture
def offline(tmp_path: Path) -> Settings:
    """Settings for what needs no database."""
    return Settings(database_url="postgresql://nobody@127.0.0.1:1/none", state_dir=tmp_path / "state")


def with_archive(folder: Path, archive: SourceArchive | None, *, profile: bool = True) -> UseCase:
    """The use case ``orders`` with that archive, and a profile to draw a sample from."""
    use_case = make_use_case(folder, **({"archive": archive.model_dump(mode="json")} if archive else {}))
    if profile:
        frame = pd.DataFrame(
            {"place": ["north", "south"] * 200, "amount": range(400), "paid": ["no", "no", "yes", "no"] * 100}
        )
        frame.to_csv(folder / "real.csv", index=False)
        profile_path(use_case).write_text(json.dumps(build_profile(use_case, folder / "real.csv")))
    return use_case


def without_network(folder: Path, *, profile: bool = True) -> UseCase:
    """The server of the archive is not there."""
    return with_archive(folder, pinned(closed_port(), CSV), profile=profile)


def visible(use_case: UseCase) -> list[str]:
    """What lies in landing, but for the record of samples."""
    return sorted(p.name for p in use_case.landing.iterdir() if p.name != ".samples")


def sampled(offline: Settings, use_case: UseCase) -> ProvidedData:
    """The sample, drawn where nothing else was had."""
    drawn = provide(offline, use_case, None)
    assert drawn.kind == "sample"
    return drawn


def test_a_given_file_is_copied_to_landing(offline: Settings, tmp_path: Path) -> None:
    use_case, given = without_network(tmp_path), tmp_path / "given.csv"
    given.write_bytes(CSV)
    found = provide(offline, use_case, given)
    assert (found.kind, found.path) == ("file", use_case.landing / "given.csv")
    assert found.path.read_bytes() == given.read_bytes() == CSV
    assert str(given) in found.note
    assert visible(use_case) == ["given.csv"]


def test_a_given_file_goes_before_what_lies_in_landing(offline: Settings, tmp_path: Path) -> None:
    use_case, given = without_network(tmp_path), tmp_path / "given.csv"
    given.write_bytes(CSV)
    put(use_case, "a.csv", OTHER)
    found = provide(offline, use_case, given)
    assert found.kind == "file"
    assert "also there and ingested with it: a.csv" in found.note


def test_the_same_file_given_twice_lies_there_once(offline: Settings, tmp_path: Path) -> None:
    use_case, given = without_network(tmp_path), tmp_path / "given.csv"
    given.write_bytes(CSV)
    first = provide(offline, use_case, given)
    again = provide(offline, use_case, given.rename(tmp_path / "renamed.csv"))
    assert (again.kind, again.path) == ("file", first.path)
    assert visible(use_case) == ["given.csv"]


def test_a_file_of_landing_given_by_its_path_stays_as_it_is(offline: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path)
    there = put(use_case, "a.csv", CSV)
    assert provide(offline, use_case, there).path == there
    assert visible(use_case) == ["a.csv"]


def test_a_file_of_the_same_name_is_not_replaced(offline: Settings, tmp_path: Path) -> None:
    use_case, given = without_network(tmp_path), tmp_path / "a.csv"
    put(use_case, "a.csv", OTHER)
    given.write_bytes(CSV)
    found = provide(offline, use_case, given)
    assert (use_case.landing / "a.csv").read_bytes() == OTHER
    assert found.path.read_bytes() == CSV


def test_a_link_in_landing_is_not_written_through(offline: Settings, tmp_path: Path) -> None:
    use_case, given, outside = without_network(tmp_path), tmp_path / "a.csv", tmp_path / "outside"
    given.write_bytes(CSV)
    outside.write_bytes(b"precious")
    (use_case.landing / "a.csv").symlink_to(outside)
    assert provide(offline, use_case, given).path.read_bytes() == CSV
    assert outside.read_bytes() == b"precious"


def test_a_path_without_a_file_is_one_clear_error(offline: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path)
    with pytest.raises(FileRefused) as caught:
        provide(offline, use_case, tmp_path / "missing.csv")
    assert f"{tmp_path / 'missing.csv'} refused: there is no such file." in str(caught.value)
    assert visible(use_case) == []


def test_folders_and_pipes_are_no_data(offline: Settings, tmp_path: Path) -> None:
    use_case, pipe = without_network(tmp_path), tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(FileRefused, match="no regular file"):
            provide(offline, use_case, path)
    assert visible(use_case) == []


@pytest.mark.parametrize(
    "name", ["data.txt", ".hidden.csv", "line\nbreak.csv", "back\\slash.csv", ".csv", "a" * 240 + ".csv"]
)
def test_ingestion_takes_a_given_file_whatever_its_name(settings: Settings, tmp_path: Path, name: str) -> None:
    use_case, given = without_network(tmp_path), tmp_path / name
    given.write_bytes(CSV)
    provide(settings, use_case, given)
    summary = ingest(settings, use_case, run_id="test")
    assert [f.status for f in summary.files] == ["loaded"]
    assert summary.rows_new == 2


def test_landing_goes_before_the_archive(offline: Settings, tmp_path: Path) -> None:
    with serving(body(zipped(orders__csv=CSV))) as url:
        use_case = with_archive(tmp_path, pinned(url, CSV))
        there = put(use_case, "a.csv", OTHER)
        found = provide(offline, use_case, None)
    assert (found.kind, found.path) == ("landing", there)
    assert visible(use_case) == ["a.csv"]


def test_what_ingestion_does_not_take_is_no_data(offline: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path)
    for name in (".hidden.csv", "unfinished.csv.part", "notes.txt"):
        put(use_case, name, CSV)
    sampled(offline, use_case)


def test_the_archive_goes_before_the_sample(offline: Settings, tmp_path: Path) -> None:
    with serving(body(zipped(orders__csv=CSV))) as url:
        use_case = with_archive(tmp_path, pinned(url, CSV))
        found = provide(offline, use_case, None)
    assert (found.kind, found.path) == ("download", use_case.landing / "orders.csv")
    assert url in found.note
    assert found.path.read_bytes() == CSV


def test_a_download_is_not_repeated_nor_doubled_by_the_same_file_given(settings: Settings, tmp_path: Path) -> None:
    given = tmp_path / "other name.csv"
    given.write_bytes(CSV)
    with serving(body(zipped(orders__csv=CSV))) as url:
        use_case = with_archive(tmp_path, pinned(url, CSV))
        first = provide(settings, use_case, None)
    later = provide(settings, use_case, None)
    assert (later.kind, later.path) == ("landing", first.path)
    assert "the published file by its checksum" in later.note
    assert provide(settings, use_case, given).path == first.path
    ingest(settings, use_case, run_id="test")
    assert entries(settings, use_case) == [("orders.csv", "loaded")]


def test_without_network_a_sample_is_drawn_and_the_note_says_why(offline: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path)
    found = sampled(offline, use_case)
    assert visible(use_case) == [found.path.name]
    assert "400 made-up rows" in found.note
    assert "ConnectError" in found.note


def test_an_archive_that_is_not_the_pinned_one_is_not_used(offline: Settings, tmp_path: Path) -> None:
    with serving(body(zipped(orders__csv=OTHER))) as url:
        use_case = with_archive(tmp_path, pinned(url, CSV))
        found = sampled(offline, use_case)
    assert "the contract pins" in found.note
    assert visible(use_case) == [found.path.name]


def test_a_use_case_without_archive_takes_the_sample(offline: Settings, tmp_path: Path) -> None:
    assert "names no `archive`" in sampled(offline, with_archive(tmp_path, None)).note


def test_without_profile_the_error_says_what_was_tried(offline: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path, profile=False)
    with pytest.raises(NoDataSource, match=r"(?s)no file in .*ConnectError.*no profile .*DATA=<path>"):
        provide(offline, use_case, None)


def test_a_sample_of_an_earlier_run_is_still_called_a_sample(offline: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path)
    first = sampled(offline, use_case)
    seen = first.path.stat().st_mtime_ns
    again = sampled(offline, use_case)
    assert (again.path, again.path.stat().st_mtime_ns) == (first.path, seen)
    assert "earlier run" in again.note


def test_a_renamed_or_given_sample_is_still_called_a_sample(offline: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path)
    path = sampled(offline, use_case).path
    kept = shutil.copy(path, tmp_path / "kept.csv")
    renamed = path.rename(use_case.landing / "bank.csv")
    assert sampled(offline, use_case).path == renamed
    assert provide(offline, use_case, Path(kept)).kind == "sample"


def test_a_sample_gives_way_to_a_given_file(settings: Settings, tmp_path: Path) -> None:
    use_case, given = without_network(tmp_path), tmp_path / "given.csv"
    given.write_bytes(CSV)
    sample = sampled(settings, use_case).path
    found = provide(settings, use_case, given)
    assert f"removed the sample {sample.name}" in found.note
    ingest(settings, use_case, run_id="test")
    assert entries(settings, use_case) == [("given.csv", "loaded")]
    assert rows(settings, use_case) == [("north", "1", "no"), ("south", "2", "yes")]


def test_a_sample_gives_way_to_a_file_put_into_landing(settings: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path)
    sample = sampled(settings, use_case).path
    there = put(use_case, "z.csv", CSV)
    found = provide(settings, use_case, None)
    assert (found.kind, found.path) == ("landing", there)
    assert not sample.exists()


def test_rows_of_an_ingested_sample_give_way_to_real_ones_and_may_come_back(settings: Settings, tmp_path: Path) -> None:
    use_case = without_network(tmp_path)
    (use_case.folder / "model.yaml").write_text(yaml.safe_dump(MODEL))
    sample = sampled(settings, use_case).path
    drawn = sample.read_bytes()
    ingest(settings, use_case, run_id="test")
    validate(settings, use_case)
    assert len(rows(settings, use_case)) > 100
    real = put(use_case, "real.csv", CSV)
    assert "rows in the tables" in provide(settings, use_case, None).note
    assert rows(settings, use_case) == []
    ingest(settings, use_case, run_id="test")
    validate(settings, use_case)
    require_passed(settings, use_case)
    assert read_snapshot(settings, use_case).frame["place"].to_list() == ["north", "south"]
    assert entries(settings, use_case) == [(sample.name, "withdrawn"), ("real.csv", "loaded")]
    real.unlink()
    sample.write_bytes(drawn)
    assert provide(settings, use_case, None).kind == "sample"
    ingest(settings, use_case, run_id="test")
    assert entries(settings, use_case)[-1] == (sample.name, "loaded")


def test_a_file_appears_in_landing_wholly_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with publishing(tmp_path / "a.csv") as stream:
            stream.write(CSV)
            stream.flush()
            assert [p.suffix for p in tmp_path.iterdir()] == [".part"]
            assert due(tmp_path, None) == []
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []
