"""Each object against the schemas of the Kubernetes API, offline; a field that the API does not know is an error."""

from functools import cache

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils
from packaging.version import Version

from tests.deploy.manifests import KUBERNETES, Object, secrets

VERSIONS = [v for v in utils.all_versions() if Version(v) >= Version("1.30")]
"""From the oldest one that knows ``preStop.sleep`` and that Airflow's chart takes to the newest one."""


@pytest.fixture(autouse=True)
def _read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The validator reads megabytes of schema anew for each object."""
    monkeypatch.setattr(utils, "schema_contents", _schema)


_schema = cache(utils.schema_contents)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_in_every_supported_version(objects: list[Object], version: str):
    for found in objects:
        kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_example_of_secrets_is_valid_and_holds_no_value(version: str):
    for found in secrets():
        kubernetes_validate.validate(found, version, strict=True)
        assert not any(found["stringData"].values())


def test_a_field_that_the_api_does_not_know_is_refused(objects: list[Object]):
    found = next(o for o in objects if o["kind"] == "StatefulSet")
    found["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="livenesProbe"):
        kubernetes_validate.validate(found, VERSIONS[-1], strict=True)


def test_every_manifest_is_part_of_some_overlay_or_applied_by_hand():
    alone = {"secrets.example.yaml", "mlflow-logins.yaml"}
    for path in KUBERNETES.rglob("*.yaml"):
        if path.name != "kustomization.yaml" and path.name not in alone:
            assert path.name in yaml.safe_load((path.parent / "kustomization.yaml").read_text())["resources"], path
