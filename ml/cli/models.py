"""Commands for models: train, list, judge, promote, roll back, predict, watch."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from dataclasses import asdict
from typing import Any

import click

from ml.cli.options import as_json, existing_file, settings, show, use_case, use_case_option


@click.command()
@use_case_option
@click.option("--model-name", help="Register the champion under this name; default as configured.")
@click.option("--metric", help="Choose the champion by: roc_auc, f1 or average_precision; default as configured.")
@click.option("--candidate", "candidates", multiple=True, help="Train this one only; may be given several times.")
@click.option("--late-feature", "late", multiple=True, help="Let in a feature that is known only afterwards.")
@click.option("--trials", type=click.IntRange(0), help="Parameters to try of each candidate; 0: those configured.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="For the trials of all candidates together.")
def train(
    name: str | None,
    late: tuple[str, ...],
    candidates: tuple[str, ...],
    trials: int | None,
    seconds: float | None,
    **choice: str | None,
) -> None:
    """Tune and train the candidates, choose the champion, register it."""
    from ml.train import train as fit

    chosen: dict[str, Any] = {key: value or None for key, value in choice.items()}
    result = fit(
        settings(),
        use_case(name),
        candidates=list(candidates) or None,
        late_features=list(late) or None,
        trials=trials,
        seconds=seconds,
        **chosen,
    )
    click.echo(json.dumps(asdict(result), indent=2))


@click.command("list-models")
@as_json
def list_models(as_json: bool) -> None:
    """Show the registered models."""
    from ml.registry import list_models as registered

    show(registered(settings()), title="Models", as_json=as_json)


@click.command("list-versions")
@click.option("--model-name", required=True)
@as_json
def list_versions(model_name: str, as_json: bool) -> None:
    """Show the versions of a model, newest first."""
    from ml.registry import list_versions as versions

    show(versions(settings(), model_name), title=f"Versions of {model_name}", as_json=as_json)


@click.command()
@click.option("--model-name", required=True)
@click.option("--version", required=True)
@click.option("--stage", type=click.Choice(["Staging", "Production"]), default="Production", show_default=True)
@click.option("--why", default="by hand, from the command line", show_default=True)
def promote(model_name: str, version: str, stage: str, why: str) -> None:
    """Put a version into production; its predecessor is archived."""
    from ml.registry import promote as put

    done = put(settings(), model_name, version, stage=stage, actor=getpass.getuser(), source="cli", why=why)
    before = f"; before: {done.from_version or 'none'}" if stage == "Production" else ""
    click.echo(f"{model_name}: version {done.to_version} is in {stage}{before}.")


@click.command()
@click.option("--model-name", required=True)
@click.option("--why", default="by hand, from the command line", show_default=True)
def rollback(model_name: str, why: str) -> None:
    """Put the predecessor back into production."""
    from ml.registry import rollback as put_back

    done = put_back(settings(), model_name, actor=getpass.getuser(), why=why)
    click.echo(f"{model_name}: version {done.to_version} is in Production again; taken out: {done.from_version}.")


@click.command()
@use_case_option
@click.option("--model-name", help="Default: as configured.")
@click.option("--version", required=True)
def gate(name: str | None, model_name: str | None, version: str) -> None:
    """Judge a version against production, on rows that neither was fitted on."""
    from ml.gate import gate as judge

    found = use_case(name)
    click.echo(json.dumps(asdict(judge(settings(), found, model_name or found.config.model_name, version)), indent=2))


@click.command()
@click.option("--model-name", required=True)
@click.option("--version", help="Default: the version with alias challenger.")
@click.option("--mode", type=click.Choice(["shadow", "canary", "off"]), required=True)
@click.option("--percent", type=click.FloatRange(0, 100), default=0.0, help="Share of the traffic, for a canary.")
@click.option("--why", default="by hand, from the command line", show_default=True)
def challenger(model_name: str, version: str | None, mode: str, percent: float, why: str) -> None:
    """Run a version beside production, on a share of its traffic, or no more."""
    from ml.promotion.challenger import set_challenger
    from ml.promotion.experiment import Mode

    done = set_challenger(
        settings(), model_name, version or None, mode=Mode(mode), percent=percent, actor=getpass.getuser(),
        source="cli", why=why,
    )  # fmt: skip
    share = f", {done.percent:g} % of the traffic" if done.mode is Mode.CANARY else ""
    against = done.production or "none"
    click.echo(f"{model_name}: challenger {done.version or 'none'}, {done.mode}{share}; production: {against}.")


@click.command()
@click.option("--model-name", required=True)
@click.option("--version", help="Default: the version with alias challenger.")
@click.option("--against", help="Default: the version in production.")
@click.option("--since", type=click.DateTime(), help="In UTC; default: the first request the challenger saw.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(
    model_name: str, version: str | None, against: str | None, since: dt.datetime | None, as_json: bool
) -> None:
    """Compare the challenger with production: outcomes, scores, latency, with 95 % intervals."""
    from ml.promotion.compare import compare as judged

    since = since.replace(tzinfo=dt.UTC) if since else None
    comparison = judged(settings(), model_name, version=version or None, against=against or None, since=since)
    if as_json:
        click.echo(json.dumps(asdict(comparison), default=str, indent=2))
        return
    for line in comparison.lines:
        click.echo(line)
    for part in comparison.parts:
        show([figure.shown() for figure in part.figures], title=part.title, as_json=False)
    click.echo(f"Page: {comparison.page}")


@click.command()
@use_case_option
@click.option("--data", "path", help="A CSV or Parquet file; default: the features.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many predictions to print.")
def predict(name: str | None, path: str | None, limit: int) -> None:
    """Predict a batch with the production version and log each row."""
    from ml.score import predict_batch

    click.echo(json.dumps(predict_batch(settings(), use_case(name), existing_file(path), limit), indent=2))


@click.command()
@use_case_option
@click.option("--last", type=click.IntRange(1), default=500, show_default=True, help="How many inferences to look at.")
def monitor(name: str | None, last: int) -> None:
    """Compare the last inferences of the production version with what it was trained on."""
    from ml.monitoring.monitor import monitor as compare

    for line in compare(settings(), use_case(name), last=last).lines:
        click.echo(line)


@click.command("registry-sync")
@click.option("--every", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Seconds between looks.")
def registry_sync(every: float) -> None:
    """Keep alias and stage in step with what people do in the MLflow UI, until ended by SIGTERM."""
    from ml.promotion.registry_sync import run

    run(settings(), every)


COMMANDS = (
    train,
    list_models,
    list_versions,
    gate,
    promote,
    rollback,
    challenger,
    compare,
    predict,
    monitor,
    registry_sync,
)
