"""all-MiniLM-L6-v2 as an ONNX graph, written from its safetensors: what the peer runs.

Two spellings of the same network, because a runtime is fast on the one it knows:

- `plain`: operators of the ONNX standard only (LayerNormalization, Gelu, Softmax …);
- `fused`: onnxruntime's own operators (`com.microsoft` Attention, SkipLayerNormalization, BiasGelu), which its
  optimiser for transformers would put there.

Inputs: `ids` and `mask`, both int64 `texts × tokens`; the mask is 1 where a token is and 0 where padding is.
Output: `vectors`, float32 `texts × 384`: the mean over the tokens, of length 1.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, WIDTH, HEADS, HEAD = 6, 384, 12, 32
EPSILON = 1e-12
MICROSOFT = "com.microsoft"
OPSET = 20


class Graph:
    """Collects nodes and constants; every method answers the name of a value."""

    def __init__(self) -> None:
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, values, dtype=np.float32) -> str:
        self.count += 1
        name = f"c{self.count}"
        array = np.ascontiguousarray(np.asarray(values, dtype=dtype))
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes):
        self.count += 1
        names = [f"v{self.count}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def norm(self, x: str, gain, bias) -> str:
        return self.op(
            "LayerNormalization", x, self.constant(gain), self.constant(bias), axis=-1, epsilon=EPSILON)


def plain_attention(graph: Graph, x: str, weight, bias, additive_mask: str) -> str:
    qkv = graph.op("Add", graph.op("MatMul", x, graph.constant(weight)), graph.constant(bias))
    parts = graph.op("Split", qkv, outputs=3, axis=-1, num_outputs=3)
    shape = graph.constant([0, 0, HEADS, HEAD], np.int64)
    query, key, value = (graph.op("Reshape", part, shape) for part in parts)
    query = graph.op("Transpose", query, perm=[0, 2, 1, 3])
    key = graph.op("Transpose", key, perm=[0, 2, 3, 1])
    value = graph.op("Transpose", value, perm=[0, 2, 1, 3])
    scores = graph.op("Mul", graph.op("MatMul", query, key), graph.constant(HEAD ** -0.5))
    weights = graph.op("Softmax", graph.op("Add", scores, additive_mask), axis=-1)
    context = graph.op("Transpose", graph.op("MatMul", weights, value), perm=[0, 2, 1, 3])
    return graph.op("Reshape", context, graph.constant([0, 0, WIDTH], np.int64))


def layer(graph: Graph, x: str, tensors, prefix: str, mask: str, fused: bool) -> str:
    def linear(name):
        return tensors[f"{prefix}{name}.weight"].T, tensors[f"{prefix}{name}.bias"]

    def add_norm(x, y, bias, name):
        gain, shift = tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"]
        if fused:
            return graph.op(
                "SkipLayerNormalization", y, x, graph.constant(gain), graph.constant(shift), graph.constant(bias),
                domain=MICROSOFT, epsilon=EPSILON)
        return graph.norm(graph.op("Add", graph.op("Add", y, graph.constant(bias)), x), gain, shift)

    parts = [linear(f"attention.self.{name}") for name in ("query", "key", "value")]
    weight = np.concatenate([weight for weight, _ in parts], axis=1)
    bias = np.concatenate([bias for _, bias in parts])
    if fused:
        context = graph.op(
            "Attention", x, graph.constant(weight), graph.constant(bias), mask, domain=MICROSOFT, num_heads=HEADS)
    else:
        context = plain_attention(graph, x, weight, bias, mask)
    weight, bias = linear("attention.output.dense")
    x = add_norm(x, graph.op("MatMul", context, graph.constant(weight)), bias, "attention.output.LayerNorm")
    weight, bias = linear("intermediate.dense")
    wide = graph.op("MatMul", x, graph.constant(weight))
    if fused:
        wide = graph.op("BiasGelu", wide, graph.constant(bias), domain=MICROSOFT)
    else:
        wide = graph.op("Gelu", graph.op("Add", wide, graph.constant(bias)), approximate="none")
    weight, bias = linear("output.dense")
    return add_norm(x, graph.op("MatMul", wide, graph.constant(weight)), bias, "output.LayerNorm")


def write(tensors: dict[str, np.ndarray], path: Path, fused: bool) -> None:
    graph = Graph()
    count = graph.op("Slice", graph.op("Shape", "ids"), graph.constant([1], np.int64), graph.constant([2], np.int64))
    positions = tensors["embeddings.position_embeddings.weight"][:256]
    positions = positions + tensors["embeddings.token_type_embeddings.weight"][0]
    x = graph.op("Add", graph.op("Gather", graph.constant(tensors["embeddings.word_embeddings.weight"]), "ids"),
                 graph.op("Slice", graph.constant(positions), graph.constant([0], np.int64), count,
                          graph.constant([0], np.int64)))
    x = graph.norm(x, tensors["embeddings.LayerNorm.weight"], tensors["embeddings.LayerNorm.bias"])
    present = graph.op("Cast", "mask", to=TensorProto.FLOAT)
    if fused:
        mask = graph.op("Cast", "mask", to=TensorProto.INT32)
    else:
        absent = graph.op("Sub", present, graph.constant(1.0))
        mask = graph.op("Unsqueeze", graph.op("Mul", absent, graph.constant(1e9)), graph.constant([1, 2], np.int64))
    for index in range(LAYERS):
        x = layer(graph, x, tensors, f"encoder.layer.{index}.", mask, fused)
    column = graph.op("Unsqueeze", present, graph.constant([2], np.int64))
    axis = graph.constant([1], np.int64)
    total = graph.op("ReduceSum", graph.op("Mul", x, column), axis, keepdims=0)
    mean = graph.op("Div", total, graph.op("ReduceSum", column, axis, keepdims=0))
    length = graph.op("ReduceL2", mean, graph.constant([1], np.int64), keepdims=1)
    graph.nodes.append(helper.make_node("Div", [mean, length], ["vectors"]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, "all-MiniLM-L6-v2",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"]) for name in ("ids", "mask")],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["texts", WIDTH])], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)])
    model.ir_version = 9
    if not fused:
        onnx.checker.check_model(model)
    onnx.save(model, str(path))
