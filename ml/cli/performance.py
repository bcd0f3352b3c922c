"""Commands for what labels say: those that arrive late, and the years of a file."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import click

from ml.cli.options import json_option, settings, use_case, use_case_option, use_cases_option
from ml.cli.output import conclude, show, show_json, tell
from ml.cli.progress import progress

_SHOWN = ("roc_auc", "average_precision", "brier", "lift_at_10")


@click.command(epilog="Example: mlp replay --use-case sales --data sales.csv")
@use_case_option
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="The file.")
@use_cases_option
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(".local/bench"), show_default=True, help="The folder."
)
@json_option
def replay(name: str | None, data: Path, folder: Path, out: Path, as_json: bool) -> None:
    """Replay a file month by month. Needs no service.

    Three ways are compared: never retrained, retrained each month, and retrained on drift.
    """
    from ml.replay import replay as run

    with progress("Replay") as report:
        done = run(use_case(name, folder), data, out, report)
    if as_json:
        show_json({"candidate": done.candidate, "seconds": done.seconds, "rows": done.rows, "folder": str(out)})
        return
    show(_windows(done.rows), title=f"{done.candidate}: {', '.join(_SHOWN)}", as_json=False)
    for text in done.result.lines():
        click.echo(text)
    click.echo(f"{done.seconds:.0f} s. Written: {done.picture.parent}/replay.json, .csv and .png.")


def _windows(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """A line for each window, with the figures of each way beside each other."""
    by_window: dict[object, dict[str, object]] = {}
    for row in rows:
        line = by_window.setdefault(row["window"], {"window": row["window"], "rows": row["rows"]})
        line[str(row["policy"])] = " ".join(f"{row[figure]:.3f}" for figure in _SHOWN)
        if row["policy"] == "on_drift":
            line |= {"alarms": row["alarms"], "retrained": row["gate"] or ""}
    return list(by_window.values())


@click.command(epilog="Example: mlp outcomes --use-case sales")
@use_case_option
@json_option
def outcomes(name: str | None, as_json: bool) -> None:
    """Join late labels to their predictions, and judge the version in production.

    Exit code 3 where it became worse than it was on its hold-out.
    """
    from ml.outcomes import check, collect

    case = use_case(name)
    found = collect(settings(), case)
    judged = check(settings(), case, moment=dt.datetime.now(dt.UTC))
    tell(
        {"collected": asdict(found), "judged": asdict(judged)},
        f"New outcomes: {found.from_rows} by row key, {found.from_files} from files; {found.total} in all.",
        judged.message,
        as_json=as_json,
    )
    conclude(is_well=judged.state != "fell")


COMMANDS = (outcomes, replay)
