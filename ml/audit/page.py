"""The page by which people read an audit export."""

from __future__ import annotations

from collections.abc import Mapping

from ml.lineage.records import Training
from ml.pages import page_template

FOLDERS = {
    "version.json": "What the registry says of the version, with its tags.",
    "data": "The snapshot it was trained on: each file by checksum, with the lines that were in it; the contract as it"
    " was; statistics of each feature.",
    "run": "Parameters and metrics of the training's run in MLflow; `tags.json` has the commit of the code.",
    "evidence": "The model card, with the curves, importances, slices and the gate's figures.",
    "code": "The packages that the training had installed, and how MLflow would load the fitted model.",
    "bundle": "The model as it is served (ONNX), its manifest, and whether both are what was registered.",
    "decisions": "Verdicts of the gate, and the ledger of promotions: who, when, why.",
    "history": "Drift, performance by the labels that arrived, and how many predictions were made, by month.",
}
"""What lies in the archive, by folder or file."""

_Files = Mapping[str, Mapping[str, str | int]]


def page(about: Mapping[str, object], training: Training, files: _Files, left_out: _Files) -> bytes:
    """One page that links the archive's files."""
    sections = {
        name: (said, {file: facts for file, facts in sorted(files.items()) if file.split("/")[0] == name})
        for name, said in FOLDERS.items()
    }
    template = page_template("audit_export.html")
    return template.render(about=about, training=training, sections=sections, left_out=left_out).encode()
