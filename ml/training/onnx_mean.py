"""Several ONNX classifiers as one: their calibrated, weighted mean, as :class:`ml.training.ensemble.Ensemble` has it.

Computed in double precision: a calibration may be steep, and would enlarge what float32 rounds off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, compose, helper, numpy_helper

from ml.bundle import PROBABILITIES
from ml.training.calibration import EPSILON, Curve, PiecewiseLinear, Sigmoid


@dataclass(frozen=True)
class Part:
    """A classifier with inputs ``[N, 1]`` and the output ``probabilities [N, 2]``, its curve and its weight."""

    model: ModelProto
    curve: Curve
    weight: float


def mean_of(parts: Sequence[Part], curve: Curve, inputs: Mapping[str, TensorProto.DataType]) -> ModelProto:
    """One model with those inputs ``[N, 1]`` by name and type, and the output ``probabilities [N, 2]`` of float32.

    Parts that have an input of the same name share it.
    """
    graph, weighted = _Graph(), []
    for number, part in enumerate(parts):
        model = compose.add_prefix(part.model, f"m{number}_", rename_inputs=False)
        graph.take(model)
        positive = graph.add("Gather", f"m{number}_{PROBABILITIES}", graph.constant([1], np.int64), axis=1)
        probability = _calibrated(graph, graph.add("Cast", positive, to=TensorProto.DOUBLE), part.curve)
        weighted.append(graph.add("Mul", probability, graph.constant(part.weight)))
    probability = _calibrated(graph, graph.add("Sum", *weighted), curve)
    both = graph.add("Concat", graph.add("Sub", graph.constant(1.0), probability), probability, axis=1)
    graph.nodes.append(helper.make_node("Cast", [both], [PROBABILITIES], to=TensorProto.FLOAT))
    return _model(graph, inputs, parts[0].model)


def _model(graph: _Graph, inputs: Mapping[str, TensorProto.DataType], like: ModelProto) -> ModelProto:
    tensors = [helper.make_tensor_value_info(name, kind, [None, 1]) for name, kind in inputs.items()]
    output = helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, [None, 2])
    whole = helper.make_graph(graph.nodes, "model", tensors, [output], graph.constants)
    return helper.make_model(whole, opset_imports=like.opset_import, ir_version=like.ir_version)


def _calibrated(graph: _Graph, probability: str, curve: Curve) -> str:
    match curve:
        case Sigmoid(slope, intercept):
            kept = graph.add("Clip", probability, graph.constant(EPSILON), graph.constant(1 - EPSILON))
            other = graph.add("Sub", graph.constant(1.0), kept)
            log_odds = graph.add("Sub", graph.add("Log", kept), graph.add("Log", other))
            scaled = graph.add("Mul", log_odds, graph.constant(slope))
            return graph.add("Sigmoid", graph.add("Add", scaled, graph.constant(intercept)))
        case PiecewiseLinear(x, y):
            # The first value, and what each line from one point to the next adds on the way to the probability.
            widths = np.diff(x)
            slopes = np.diff(y) / widths
            beyond = graph.add("Sub", probability, graph.constant([x[:-1]]))
            inside = graph.add("Min", graph.add("Max", beyond, graph.constant(0.0)), graph.constant([widths]))
            risen = graph.add("MatMul", inside, graph.constant(slopes.reshape(-1, 1)))
            return graph.add("Add", risen, graph.constant(y[0]))
        case None:
            return probability


@dataclass
class _Graph:
    """Nodes and constants so far; each gets a name of its own."""

    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def take(self, model: ModelProto) -> None:
        self.nodes.extend(model.graph.node)
        self.constants.extend(model.graph.initializer)

    def add(self, operator: str, *inputs: str, **attributes: int) -> str:
        output = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], None, None, None, None, **attributes))
        return output

    def constant(self, value: object, dtype: npt.DTypeLike = np.float64) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name
