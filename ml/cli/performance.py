"""Commands for what labels say: those that arrive late, and the years of a file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from ml.cli.options import settings, show, use_case, use_case_option

_SHOWN = ("roc_auc", "average_precision", "brier", "lift_at_10")


@click.command()
@use_case_option
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--use-cases", "folder", type=click.Path(path_type=Path), envvar="ML_USE_CASES_DIR", default=Path("data"))
@click.option("--out", type=click.Path(path_type=Path), default=Path(".local/bench"), show_default=True)
def replay(name: str | None, data: Path, folder: Path, out: Path) -> None:
    """Replay a file month by month: never retrained, retrained each month, and on drift. Needs no service."""
    from rich.console import Console
    from rich.progress import Progress

    from ml.replay import replay as run

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Months", total=None)

        def show_progress(window: str, done: int, of: int) -> None:
            bar.update(task, description=window, completed=done, total=of)

        done = run(use_case(name, folder), data, out, show_progress)
    by_window: dict[str, dict[str, object]] = {}
    for row in done.rows:
        line = by_window.setdefault(str(row["window"]), {"window": row["window"], "rows": row["rows"]})
        line[str(row["policy"])] = " ".join(f"{row[figure]:.3f}" for figure in _SHOWN)
        if row["policy"] == "on_drift":
            line |= {"alarms": row["alarms"], "retrained": row["gate"] or ""}
    show(list(by_window.values()), title=f"{done.candidate}: {', '.join(_SHOWN)}", as_json=False)
    for text in done.result.lines():
        click.echo(text)
    click.echo(f"{done.seconds:.0f} s. Written: {done.picture.parent}/replay.json, .csv and .png.")


@click.command()
@use_case_option
def outcomes(name: str | None) -> None:
    """Join labels that arrived to their predictions, and judge the version in production by them."""
    from ml.outcomes import check, collect

    found = collect(settings(), use_case(name))
    click.echo(f"New outcomes: {found.from_rows} by row key, {found.from_files} from files; {found.total} in all.")
    click.echo(check(settings(), use_case(name), moment=dt.datetime.now(dt.UTC)).message)


COMMANDS = (outcomes, replay)
