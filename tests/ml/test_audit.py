"""The audit export of a version that was really trained, judged, promoted and used."""

import csv
import datetime as dt
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ml import audit
from ml.drift import check as check_drift
from ml.errors import ConfigError, ModelNotFound
from ml.gate import gate
from ml.outcomes import check_version, collect
from ml.registry import promote
from ml.score import score_features
from ml.settings import Settings
from ml.store import connect
from ml.train import train
from ml.use_case import UseCase
from tests.trained import churn, make_settings, prepare

AS_OF = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Platform:
    settings: Settings
    use_case: UseCase
    version: str
    passed: bool


@pytest.fixture(scope="module")
def platform(postgres, mlflow_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    settings = make_settings(postgres, mlflow_server, folder, "audit")
    use_case = churn(folder, 600, "churn-audited")
    prepare(settings, use_case)
    trained = train(settings, use_case, candidates=["boosting"])
    judged = gate(settings, use_case, "churn-audited", trained.model_version)
    promote(settings, "churn-audited", trained.model_version, actor="ada", source="test", why="good")
    score_features(settings, use_case, as_of=AS_OF)
    collect(settings, use_case)
    day = AS_OF.replace(hour=0)
    check_drift(settings, use_case, window_start=day, window_end=day + dt.timedelta(days=1))
    check_version(settings, use_case, trained.model_version, moment=day + dt.timedelta(days=60))
    return Platform(settings, use_case, trained.model_version, judged.passed)


@pytest.fixture
def export(platform, tmp_path):
    def write(name="audit.zip", **options):
        path = tmp_path / name
        return audit.export(platform.settings, "churn-audited", platform.version, path, **options)

    return write


@pytest.fixture
def unpacked(export):
    with zipfile.ZipFile(export().path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def test_the_manifest_lists_every_file_with_its_checksum(unpacked):
    manifest = json.loads(unpacked.pop("manifest.json"))

    assert manifest["files"] == {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in sorted(unpacked.items())
    }


def test_the_same_state_gives_the_same_bytes(export):
    first, second = export("first.zip"), export("second.zip")

    assert Path(first.path).read_bytes() == Path(second.path).read_bytes()
    assert first.sha256 == hashlib.sha256(Path(first.path).read_bytes()).hexdigest()


def test_it_holds_data_code_parameters_gate_approvals_card_bundle_and_history(unpacked, platform):
    def read(name):
        return json.loads(unpacked[name])

    (file,) = read("data/snapshot.json")["files"]
    landed = (platform.use_case.landing / "clients.csv").read_bytes()
    assert (file["file_name"], file["sha256"]) == ("clients.csv", hashlib.sha256(landed).hexdigest())
    assert file["lines"] == f"{{[2,{file['rows'] + 2})}}"
    assert yaml.safe_load(unpacked["data/contract.yaml"])["use_case"] == "customer_churn"
    assert set(read("data/feature_statistics.json")["columns"]) >= {"region"}
    assert read("run/tags.json")["code_version"]
    assert b"\nscikit-learn==" in unpacked["code/packages.txt"]
    assert b"scikit-learn==" in unpacked["code/requirements.txt"]
    assert read("run/parameters.json")["estimator"]
    assert [v["verdict"]["passed"] for v in read("decisions/gate_verdicts.json")] == [platform.passed]
    (promotion,) = read("decisions/promotions.json")
    assert (promotion["actor"], promotion["to_version"]) == ("ada", platform.version)
    assert b"churn-audited" in unpacked["evidence/model_card.md"]
    assert read("bundle/checksums.json")["is_as_registered"]
    assert hashlib.sha256(unpacked["bundle/model.onnx"]).hexdigest() == read("bundle/checksums.json")["onnx_sha256"]
    assert [(p["source"], p["predictions"]) for p in read("history/predictions.json")] == [("batch", 600)]
    assert len(read("history/drift.json")) == 1
    assert len(read("history/performance_checks.json")) == 1
    assert {row["kind"] for row in csv.DictReader(io.StringIO(unpacked["history/performance.csv"].decode()))}


def test_no_row_of_the_data_is_in_it_but_the_golden_ones(unpacked, platform):
    golden = json.loads(unpacked.pop("bundle/manifest.json"))["golden"]["inputs"]
    everything = b"\n".join(unpacked.values()).decode(errors="replace")
    header, *rows = csv.reader(io.StringIO((platform.use_case.landing / "clients.csv").read_text()))
    numbers = [i for i, name in enumerate(header) if name.endswith((".day", ".night"))]

    assert not re.search(r"\bC\d{7}\b", everything), "the key of a row"
    assert len(golden) == 20
    assert not any("client.id" in row or "churned" in row for row in golden)
    # Two cells of one row beside each other, in whatever format.
    beside = {tuple(row[i] for i in numbers[:2]) for row in rows}
    assert not any(re.search(rf"{re.escape(one)}\D{{1,4}}{re.escape(other)}\b", everything) for one, other in beside)
    left_out = json.loads(unpacked["manifest.json"])["left_out"]
    assert set(left_out) == {"evidence/holdout.parquet", "evidence/trained_on.npy", "evidence/shap_values.csv"}


def test_an_existing_file_is_overwritten_only_where_that_is_asked_for(export, tmp_path):
    (tmp_path / "audit.zip").write_text("precious")

    with pytest.raises(ConfigError, match="exists already"):
        export()
    assert (tmp_path / "audit.zip").read_text() == "precious"
    assert zipfile.is_zipfile(export(overwrite=True).path)


def test_a_version_that_is_not_there_leaves_no_file(platform, tmp_path):
    with pytest.raises(ModelNotFound, match="churn-audited"):
        audit.export(platform.settings, "churn-audited", "99", tmp_path / "new" / "audit.zip")
    assert list((tmp_path / "new").iterdir()) == []


def test_it_tells_how_far_it_is(export):
    told = []
    export(report=lambda *step: told.append(step))

    assert [(folder, done) for folder, done, _ in told][:2] == [("data", 1), ("run", 2)]
    assert [done for _, done, _ in told] == list(range(1, told[-1][2] + 1))


def test_the_page_links_only_files_that_are_there_and_loads_nothing(unpacked):
    page = unpacked["index.html"].decode()
    links = re.findall(r'href="([^"]*)"', page)

    assert set(links) == set(unpacked) - {"index.html", "manifest.json"}
    assert not re.search(r"<script|src=|https?://", page)


def test_a_promotion_later_on_changes_the_export(export, platform):
    before = export("before.zip").sha256
    with connect(platform.settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ml.promotions (model_name, from_version, to_version, stage, outcome, actor, source, why)"
            " VALUES ('churn-audited', %s, '2', 'Production', 'promoted', 'bob', 'test', 'better')",
            (platform.version,),
        )

    after = export("after.zip")

    assert after.sha256 != before
    with zipfile.ZipFile(after.path) as zipped:
        assert json.loads(zipped.read("decisions/promotions.json"))[-1]["actor"] == "bob"
