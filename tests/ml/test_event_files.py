"""OpenLineage events: a file a day, for 400 days."""

import datetime as dt

import pytest

from ml.lineage.event_files import put_aside

NOW = dt.datetime(2026, 3, 1, 1, 30, tzinfo=dt.UTC)


@pytest.fixture
def folder(settings):
    path = settings.state_dir / "lineage"
    path.mkdir(parents=True)
    return path


def test_the_events_so_far_get_a_file_of_their_own_once_a_day(settings, folder):
    (folder / "events.jsonl").write_text("one\n")
    assert put_aside(settings, NOW) == {"made": ["events-2026-03-01.jsonl"], "removed": []}
    (folder / "events.jsonl").write_text("two\n")
    assert put_aside(settings, NOW) == {"made": [], "removed": []}

    assert (folder / "events-2026-03-01.jsonl").read_text() == "one\n"
    assert (folder / "events.jsonl").read_text() == "two\n"


def test_files_of_more_than_400_days_ago_are_removed_and_no_others(settings, folder):
    for name in ("events-2025-01-24.jsonl", "events-2025-01-25.jsonl", "events.jsonl", "other-2020-01-01.jsonl"):
        (folder / name).touch()

    assert put_aside(settings, NOW)["removed"] == ["events-2025-01-24.jsonl"]
    assert sorted(p.name for p in folder.iterdir()) == [
        "events-2025-01-25.jsonl", "events-2026-03-01.jsonl", "other-2020-01-01.jsonl",
    ]  # fmt: skip


def test_without_events_there_is_nothing_to_do(settings):
    assert put_aside(settings, NOW) == {"made": [], "removed": []}
