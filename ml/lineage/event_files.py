"""The files of OpenLineage events: one that is written to, and one for each day before."""

from __future__ import annotations

import datetime as dt

from ml.retention import KEPT_DAYS
from ml.settings import Settings

_CURRENT = "events.jsonl"


def put_aside(settings: Settings, now: dt.datetime) -> dict[str, list[str]]:
    """Give the events so far a file of their own, named by the day of ``now``; remove files older than a year.

    Tasks that write meanwhile lose nothing: each event opens the file by its name. Returns the names of the files made
    and removed; on one day, the second call makes none.
    """
    folder = settings.state_dir / "lineage"
    folder.mkdir(parents=True, exist_ok=True)
    current, aside = folder / _CURRENT, folder / f"events-{now.date()}.jsonl"
    is_due = current.exists() and not aside.exists()
    if is_due:
        current.rename(aside)
    oldest = folder / f"events-{now.date() - dt.timedelta(days=KEPT_DAYS)}.jsonl"
    removed = sorted(path for path in folder.glob("events-*.jsonl") if path < oldest)
    for path in removed:
        path.unlink()
    return {"made": [aside.name] if is_due else [], "removed": [path.name for path in removed]}
