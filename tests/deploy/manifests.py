"""The manifests of deploy/kubernetes, as files and as kubectl renders them, and what tests ask about them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
HELM = REPOSITORY / "deploy" / "helm"
BY_HAND = KUBERNETES / "mlflow-logins.yaml"
"""Applied by hand, in no overlay."""

Object = dict[str, Any]


class Pod(NamedTuple):
    """What an object makes pods from."""

    owner: Object
    labels: dict[str, str]
    spec: Object

    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def read(path: Path) -> list[Object]:
    return [found for found in yaml.safe_load_all(path.read_text()) if found]


def rolling() -> list[Object]:
    """All objects of the overlay ``rolling``, without kubectl: it only puts files together."""
    return [found for path in _resources(KUBERNETES / "rolling") for found in read(path)]


def secrets() -> list[Object]:
    return read(KUBERNETES / "secrets.example.yaml")


def rendered(overlay: str) -> list[Object]:
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl here to render the overlay")
    return [found for found in yaml.safe_load_all(_render(overlay)) if found]


@cache
def _render(overlay: str) -> str:
    command = ["kubectl", "kustomize", str(KUBERNETES / overlay)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def pods(objects: Sequence[Object]) -> Iterator[Pod]:
    for owner in objects:
        template = owner.get("spec", {}).get("template")
        if template:
            yield Pod(owner, template["metadata"]["labels"], template["spec"])


def of(objects: Sequence[Object], kind: str) -> dict[str, Object]:
    """Objects of a kind by name; a name that is there twice is an error."""
    found = [o for o in objects if o["kind"] == kind]
    by_name = {o["metadata"]["name"]: o for o in found}
    assert len(by_name) == len(found), f"two objects {kind} have the same name"
    return by_name


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector takes these labels; the operator ``In`` is the only one in use."""
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def environment(container: Object, objects: Sequence[Object]) -> dict[str, str]:
    """All variables of a container; a secret one is empty. A name that comes from two places is an error."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        for name, value in _source(source, objects).items():
            assert name not in found, f"{name} comes from two places"
            found[name] = value
    for variable in container.get("env", ()):
        assert variable["name"] not in found, f"{variable['name']} comes from two places"
        found[variable["name"]] = variable.get("value", "")
    return found


def _source(source: Object, objects: Sequence[Object]) -> dict[str, str]:
    if "configMapRef" in source:
        return dict(of(objects, "ConfigMap")[source["configMapRef"]["name"]]["data"])
    return dict(of(secrets(), "Secret")[source["secretRef"]["name"]]["stringData"])


def _resources(folder: Path) -> Iterator[Path]:
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert kustomization.keys() <= {"apiVersion", "kind", "namespace", "resources"}, f"{folder} needs kubectl to render"
    for name in kustomization["resources"]:
        path = (folder / name).resolve()
        if path.is_dir():
            yield from _resources(path)
        else:
            yield path
