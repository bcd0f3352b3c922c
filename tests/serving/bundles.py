"""Small real bundles: a logistic model written directly as ONNX, for any contract."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from ml.contract import Contract


def build(folder: Path, contract: Contract, *, model_name: str, run_id: str, bias: float = 0.0) -> str:
    """Write ``model.onnx`` and ``manifest.json``; returns the checksum of the manifest.

    Probability = sigmoid(bias + 0.01 * (sum of tanh of the numbers, null being 0, + sum of the categories' positions)).
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = contract.model_features()
    onnx.save(_graph(columns, bias), folder / "model.onnx")
    content = (folder / "model.onnx").read_bytes()
    golden = [_row(columns, i) for i in range(20)]
    manifest = {
        "format": 1,
        "use_case": contract.use_case,
        "model_name": model_name,
        "run_id": run_id,
        "features": [
            {"name": c.name, "input": f"f{i}", "kind": "number" if c.is_numeric else "category"}
            for i, c in enumerate(columns)
        ],
        "threshold": 0.5,
        "contract": contract.model_dump(mode="json"),
        "metrics": {"roc_auc": 0.75, "f1": 0.4},
        "n_train": 800,
        "n_test": 200,
        "snapshot_id": "200:abc",
        "trained_at": "2024-05-01T12:00:00+00:00",
        "onnx_sha256": hashlib.sha256(content).hexdigest(),
        "golden": {"inputs": golden, "probabilities": _probabilities(content, columns, golden)},
    }
    text = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def example(contract: Contract) -> dict:
    """A valid input: the contract's examples."""
    return {c.name: c.example for c in contract.model_features()}


def probability(contract: Contract, values: dict, bias: float) -> float:
    """What a bundle of that bias answers, computed apart from ONNX."""
    total = 0.0
    for column in contract.model_features():
        value = values[column.name]
        if value is not None:
            total += math.tanh(value) if column.is_numeric else column.labels.index(str(value))
    return 1 / (1 + math.exp(-(bias + 0.01 * total)))


def _row(columns, i):
    return {c.name: (None if c.nulls == "allowed" and i % 5 == 0 else _value(c, i)) for c in columns}


def _value(column, i):
    if not column.is_numeric:
        return column.labels[i % len(column.labels)]
    low, high = column.range or (0, 100)
    return min(low + i, high)


def _graph(columns, bias):
    nodes, inputs, parts = [], [], []
    for i, column in enumerate(columns):
        kind = TensorProto.FLOAT if column.is_numeric else TensorProto.STRING
        inputs.append(helper.make_tensor_value_info(f"f{i}", kind, [None, 1]))
        if column.is_numeric:
            nodes += [
                helper.make_node("IsNaN", [f"f{i}"], [f"null{i}"]),
                helper.make_node("Where", [f"null{i}", "zero", f"f{i}"], [f"clean{i}"]),
                helper.make_node("Tanh", [f"clean{i}"], [f"x{i}"]),
            ]
        else:
            nodes.append(
                helper.make_node(
                    "LabelEncoder", [f"f{i}"], [f"x{i}"], domain="ai.onnx.ml", keys_strings=list(column.labels),
                    values_floats=[float(n) for n in range(len(column.labels))], default_float=0.0,
                )
            )  # fmt: skip
        parts.append(f"x{i}")
    nodes += [
        helper.make_node("Concat", parts, ["x"], axis=1),
        helper.make_node("MatMul", ["x", "weights"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["p1"]),
        helper.make_node("Sub", ["one", "p1"], ["p0"]),
        helper.make_node("Concat", ["p0", "p1"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    constants = {"zero": [[0.0]], "one": [[1.0]], "bias": [[bias]], "weights": [[0.01]] * len(parts)}
    graph = helper.make_graph(
        nodes, "test", inputs,
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
        [onnx.numpy_helper.from_array(np.array(v, dtype=np.float32), n) for n, v in constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def _probabilities(content, columns, rows):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feeds = {}
    for i, column in enumerate(columns):
        values = [row[column.name] for row in rows]
        if column.is_numeric:
            feeds[f"f{i}"] = np.array([[math.nan if v is None else v] for v in values], dtype=np.float32)
        else:
            feeds[f"f{i}"] = np.array([["" if v is None else v] for v in values], dtype=object)
    return session.run(["probabilities"], feeds)[0][:, 1].tolist()
