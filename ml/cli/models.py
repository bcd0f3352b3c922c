"""Commands for models: train, list, judge, promote, roll back, score."""

from __future__ import annotations

import datetime as dt
import getpass
from dataclasses import asdict
from typing import Any

import click

from ml.cli.options import json_option, model_option, optional_path, settings, use_case, use_case_option
from ml.cli.output import conclude, show, show_json, tell
from ml.cli.progress import progress

version_option = click.option("--version", required=True, help="Number of the version.")
challenger_option = click.option("--version", help="Default: the version with alias challenger.")
why_option = click.option(
    "--why", default="by hand, from the command line", show_default=True, help="The reason, for the ledger."
)


@click.command(epilog="Example: mlp train --use-case sales --metric roc_auc --trials 20")
@use_case_option
@click.option("--model-name", help="Register the champion under this name; default as configured.")
@click.option("--metric", help="Choose the champion by: roc_auc, f1 or average_precision; default as configured.")
@click.option("--candidate", "candidates", multiple=True, help="Train this one only; may be given several times.")
@click.option("--late-feature", "late", multiple=True, help="Let in a feature that is known only afterwards.")
@click.option("--trials", type=click.IntRange(0), help="Parameters to try of each candidate; 0: those configured.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="For the trials of all candidates together.")
@json_option
def train(
    name: str | None,
    late: tuple[str, ...],
    candidates: tuple[str, ...],
    trials: int | None,
    seconds: float | None,
    as_json: bool,
    **choice: str | None,
) -> None:
    """Tune and train the candidates, choose the champion, register it."""
    from ml.train import train as fit

    chosen: dict[str, Any] = {key: value or None for key, value in choice.items()}
    with progress("Training"):
        result = fit(
            settings(),
            use_case(name),
            candidates=list(candidates) or None,
            late_features=list(late) or None,
            trials=trials,
            seconds=seconds,
            **chosen,
        )
    if not as_json:
        rows = [{"candidate": name, result.metric_name: f"{value:.4f}"} for name, value in result.candidates.items()]
        show(rows, title=f"On the {result.n_test} rows of the hold-out", as_json=False)
    tell(
        asdict(result),
        f"{result.model_name}: version {result.model_version} is registered, trained on {result.n_train} rows of "
        f"{result.n_features} features.",
        as_json=as_json,
    )


@click.command("list-models", epilog="Example: mlp list-models --json")
@json_option
def list_models(as_json: bool) -> None:
    """Show the registered models."""
    from ml.registry import list_models as registered

    show(registered(settings()), title="Models", as_json=as_json)


@click.command("list-versions", epilog="Example: mlp list-versions --model-name sales-model")
@model_option
@json_option
def list_versions(model_name: str, as_json: bool) -> None:
    """Show the versions of a model, newest first."""
    from ml.registry import list_versions as versions

    show(versions(settings(), model_name), title=f"Versions of {model_name}", as_json=as_json)


@click.command(epilog="Example: mlp promote --model-name sales-model --version 2")
@model_option
@version_option
@click.option(
    "--stage", type=click.Choice(["Staging", "Production"]), default="Production", show_default=True, help="Where to."
)
@why_option
@json_option
def promote(model_name: str, version: str, stage: str, why: str, as_json: bool) -> None:
    """Put a version into production; its predecessor is archived."""
    from ml.registry import promote as put

    done = put(settings(), model_name, version, stage=stage, actor=getpass.getuser(), source="cli", why=why)
    before = f"; before: {done.from_version or 'none'}" if stage == "Production" else ""
    tell(asdict(done), f"{model_name}: version {done.to_version} is in {stage}{before}.", as_json=as_json)


@click.command(epilog="Example: mlp rollback --model-name sales-model --why complaints")
@model_option
@why_option
@json_option
def rollback(model_name: str, why: str, as_json: bool) -> None:
    """Put the predecessor back into production."""
    from ml.registry import rollback as put_back

    done = put_back(settings(), model_name, actor=getpass.getuser(), why=why)
    tell(
        asdict(done),
        f"{model_name}: version {done.to_version} is in Production again; taken out: {done.from_version}.",
        as_json=as_json,
    )


@click.command(epilog="Example: mlp gate --use-case sales --version 2")
@use_case_option
@click.option("--model-name", help="Default: as configured.")
@version_option
@json_option
def gate(name: str | None, model_name: str | None, version: str, as_json: bool) -> None:
    """Judge a version against production.

    On rows that neither was fitted on. Exit code 3 where it does not pass.
    """
    from ml.gate import gate as judge

    case = use_case(name)
    with progress("Gate"):
        found = judge(settings(), case, model_name or case.config.model_name, version)
    tell(
        asdict(found),
        f"{found.model_name}: version {found.model_version} against {found.production or 'none'}: {found.summary}",
        as_json=as_json,
    )
    conclude(is_well=found.passed)


@click.command(epilog="Example: mlp challenger --model-name sales-model --version 2 --mode canary --percent 10")
@model_option
@challenger_option
@click.option(
    "--mode",
    type=click.Choice(["shadow", "canary", "off"]),
    required=True,
    help="shadow: asked too, its answers unseen; canary: answers a share; off: neither.",
)
@click.option("--percent", type=click.FloatRange(0, 100), default=0.0, help="Share of the traffic, for a canary.")
@why_option
@json_option
def challenger(model_name: str, version: str | None, mode: str, percent: float, why: str, as_json: bool) -> None:
    """Run a version beside production, on a share of its traffic, or no more."""
    from ml.promotion.challenger import set_challenger
    from ml.promotion.experiment import Mode

    done = set_challenger(
        settings(), model_name, version or None, mode=Mode(mode), percent=percent, actor=getpass.getuser(),
        source="cli", why=why,
    )  # fmt: skip
    share = f", {done.percent:g} % of the traffic" if done.mode is Mode.CANARY else ""
    against = done.production or "none"
    tell(
        asdict(done),
        f"{model_name}: challenger {done.version or 'none'}, {done.mode}{share}; production: {against}.",
        as_json=as_json,
    )


@click.command(epilog="Example: mlp compare --model-name sales-model --since 2026-01-31")
@model_option
@challenger_option
@click.option("--against", help="Default: the version in production.")
@click.option("--since", type=click.DateTime(), help="In UTC; default: the first request the challenger saw.")
@json_option
def compare(
    model_name: str, version: str | None, against: str | None, since: dt.datetime | None, as_json: bool
) -> None:
    """Compare the challenger with production.

    Outcomes, scores and latency, with 95 % intervals.
    """
    from ml.promotion.compare import compare as judged

    since = since.replace(tzinfo=dt.UTC) if since else None
    comparison = judged(settings(), model_name, version=version or None, against=against or None, since=since)
    if as_json:
        show_json(asdict(comparison))
        return
    for line in comparison.lines:
        click.echo(line)
    for part in comparison.parts:
        show([figure.shown() for figure in part.figures], title=part.title, as_json=False)
    click.echo(f"Page: {comparison.page}")


@click.command(epilog="Example: mlp score --use-case sales --data new.csv --json")
@use_case_option
@click.option("--data", "path", help="A CSV or Parquet file; default: the features.")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many predictions to print.")
@json_option
def score(name: str | None, path: str | None, limit: int, as_json: bool) -> None:
    """Predict a batch with the production version and log each row."""
    from ml.score import predict_batch

    with progress("Scoring"):
        done = dict[str, Any](predict_batch(settings(), use_case(name), optional_path(path), limit))
    if as_json:
        show_json(done)
        return
    pairs = zip(done["predictions"], done["probabilities"], strict=True)
    rows = [{"prediction": prediction, "probability": f"{probability:.4f}"} for prediction, probability in pairs]
    show(rows, title=f"The first {len(rows)} of {done['input_shape'][0]} rows, by {done['model_uri']}", as_json=False)
    click.echo(f"All: {done['output']}")
    if done["rejected"]:
        click.echo(f"{done['rows_rejected']} rows break the contract: {done['rejected']}")


COMMANDS = (train, score, list_models, list_versions, gate, promote, rollback, challenger, compare)
