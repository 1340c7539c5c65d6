#!/usr/bin/env python3
"""Embedding beside onnxruntime: the same weights, texts and processor, in turns within one run.

Method. A sample of WordNet glosses (fixed seed) is embedded as one job; then texts of exactly 20 tokens, one at a time.
Engines take turns, round after round, pinned to one processor with one thread each:

- Cortex: `Bench embed --from`, which is handed text; its times hold the tokenising.
- onnxruntime: float32 in two spellings of the graph (onnx_graph.py), and each quantised to int8 by its own
  `quantize_dynamic`. It is handed token ids, sorted by length and padded to the longest of a batch; the batch size is
  the best of several, found before the rounds. All graph optimisations, one thread, sequential.

Shown are medians over all rounds: tokens (without padding) a second, milliseconds for 20 tokens at the 50th and 99th
percentile, the least cosine to the network computed in float64, and ratios to the faster float32 graph. Caveats: one
machine's figures are not another's; other load on it shows in both engines, so read the ratios.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file
from tokenizers import Tokenizer

import onnx_graph

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/tools"))
from make_embedding_fixtures import reference  # noqa: E402  (the tests' oracle, found only now)

SEED = 20260101
WINDOW = 256
BATCH_SIZES = (1, 4, 8, 16, 32)
# Texts with which a peer's batch size is chosen.
CHOOSING = 80
FLOAT_GRAPHS = ("onnxruntime float32", "onnxruntime float32, fused graph")


class Peer:
    """One onnxruntime session on one thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.batch_size = 1

    def embed(self, texts: list[list[int]]) -> np.ndarray:
        ids = np.zeros((len(texts), max(map(len, texts))), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, :len(text)] = text
            mask[row, :len(text)] = 1
        return self.session.run(None, {"ids": ids, "mask": mask})[0]

    def embed_all(self, texts: list[list[int]]) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.empty((len(texts), onnx_graph.WIDTH), np.float32)
        for start in range(0, len(order), self.batch_size):
            chosen = order[start:start + self.batch_size]
            vectors[chosen] = self.embed([texts[index] for index in chosen])
        return vectors

    def choose_batch_size(self, texts: list[list[int]]) -> None:
        times = {}
        for size in BATCH_SIZES:
            self.batch_size = size
            times[size] = min(timed(lambda: self.embed_all(texts)) for _ in range(2))
        self.batch_size = min(times, key=times.get)


def timed(body) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    body()
    return (time.perf_counter() - start) * 1e3


def float_tensors(model: Path) -> dict[str, np.ndarray]:
    tensors = load_file(model / "model.safetensors")
    return {name: value for name, value in tensors.items() if value.dtype == np.float32}


def write_graphs(model: Path, work: Path) -> dict[str, Path]:
    tensors = float_tensors(model)
    graphs = {}
    for name, fused in zip(FLOAT_GRAPHS, (False, True)):
        path = work / f"model-{'fused' if fused else 'plain'}.onnx"
        onnx_graph.write(tensors, path, fused)
        small = path.with_suffix(".int8.onnx")
        quantize_dynamic(
            path, small, weight_type=QuantType.QInt8, per_channel=True, extra_options={"DefaultTensorType": 1})
        graphs[name] = path
        graphs[name.replace("float32", "int8")] = small
    return graphs


def choose_texts(path: Path, tokenizer: Tokenizer, count: int, singles: int) -> tuple[list[str], list[str]]:
    texts = [json.loads(line)["content"] for line in open(path, encoding="utf-8")]
    random.Random(SEED).shuffle(texts)
    alone = [text for text in texts[:50 * singles] if len(tokenizer.encode(text).ids) == 20][:singles]
    return texts[:count], alone


def run_ours(bench: str, work: Path, texts: list[str], alone: list[str], runs: int, instructions: str | None):
    """One turn: the times of all batches but the first, of the single texts, and the vectors."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        for name, lines in (("batch.txt", texts), ("alone.txt", alone)):
            Path(folder, name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [bench, "embed", "--from", f"{folder}/batch.txt", "--alone", f"{folder}/alone.txt", "--vectors",
                   f"{folder}/vectors.f32", "--runs", str(runs + 1)]
        if instructions:
            command += ["--instructions", instructions]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        vectors = np.fromfile(f"{folder}/vectors.f32", "<f4").reshape(len(texts), onnx_graph.WIDTH)
    return answer["batch_ms"][1:], answer["alone_ms"][len(alone):], vectors, answer


def least_cosine(vectors: np.ndarray, exact: np.ndarray) -> float:
    products = (vectors[:len(exact)] * exact).sum(1)
    return float((products / np.linalg.norm(vectors[:len(exact)], axis=1)).min())


def measure(arguments, tokenizer: Tokenizer, weights) -> dict:
    texts, alone = choose_texts(arguments.texts, tokenizer, arguments.count, arguments.singles)
    ids = [tokenizer.encode(text).ids for text in texts]
    alone_ids = [tokenizer.encode(text).ids for text in alone]
    exact = np.array([reference(weights, np.array(text)) for text in ids[:arguments.checked]])
    peers = {name: Peer(path) for name, path in write_graphs(arguments.model, arguments.work).items()}
    for peer in peers.values():
        peer.choose_batch_size(ids[:CHOOSING])
    sets = {f"Cortex, {name}" if name else "Cortex": name for name in [None, *arguments.instructions]}
    rows = {name: {"batch_ms": [], "alone_ms": []} for name in [*sets, *peers]}
    for turn in range(arguments.rounds):
        print(f"embedding: round {turn + 1} of {arguments.rounds}", file=sys.stderr)
        for name, chosen in sets.items():
            batch, single, vectors, answer = run_ours(
                arguments.bench, arguments.work, texts, alone, arguments.runs, chosen)
            rows[name]["batch_ms"] += batch
            rows[name]["alone_ms"] += single
            rows[name].update(cosine=least_cosine(vectors, exact), instructions=answer["instructions"])
            assert answer["tokens"] == sum(map(len, ids)), "the tokenizers disagree"
        for name, peer in peers.items():
            for _ in range(arguments.runs):
                rows[name]["batch_ms"].append(timed(lambda: rows[name].update(vectors=peer.embed_all(ids))))
            for _ in range(arguments.runs):
                rows[name]["alone_ms"] += [timed(lambda: peer.embed([text])) for text in alone_ids]
            rows[name].update(cosine=least_cosine(rows[name].pop("vectors"), exact), batch_size=peer.batch_size)
    return summary(rows, sum(map(len, ids)), len(texts), len(alone))


def summary(rows: dict, tokens: int, texts: int, alone: int) -> dict:
    engines = {}
    for name, row in rows.items():
        engines[name] = {
            "tokens_per_second": round(tokens / statistics.median(row["batch_ms"]) * 1e3),
            "p50_ms": float(np.percentile(row["alone_ms"], 50)), "p99_ms": float(np.percentile(row["alone_ms"], 99)),
            "least_cosine": row["cosine"],
            **{key: row[key] for key in ("instructions", "batch_size") if key in row}}
    best_rate = max(engines[name]["tokens_per_second"] for name in FLOAT_GRAPHS)
    best_latency = min(engines[name]["p50_ms"] for name in FLOAT_GRAPHS)
    for row in engines.values():
        row["rate_ratio"] = row["tokens_per_second"] / best_rate
        row["latency_ratio"] = row["p50_ms"] / best_latency
    return {"texts": texts, "tokens": tokens, "single_texts": alone, "onnxruntime": onnxruntime.__version__,
            "processor": processor_name(), "engines": engines}


def processor_name() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def markdown(report: dict) -> str:
    lines = ["| engine | tokens/s | ratio | 20 tokens, p50 | p99 | ratio | least cosine |", "|" + "---|" * 7]
    for name, row in report["engines"].items():
        label = f"{name} ({row['instructions']})" if name == "Cortex" else name
        lines.append(
            f"| {label} | {row['tokens_per_second']} | {row['rate_ratio']:.2f} | {row['p50_ms']:.2f} ms | "
            f"{row['p99_ms']:.2f} ms | {row['latency_ratio']:.2f} | {row['least_cosine']:.5f} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help="the built Bench")
    parser.add_argument("--model", required=True, type=Path, help="folder of model.safetensors and tokenizer.json")
    parser.add_argument("--texts", required=True, type=Path, help="JSONL of scripts/wordnet_texts.py")
    parser.add_argument("--work", required=True, type=Path, help="folder for graphs and results")
    parser.add_argument("--count", type=int, default=500, help="texts in the batch")
    parser.add_argument("--singles", type=int, default=100, help="texts of 20 tokens")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=2, help="repetitions within a round")
    parser.add_argument("--checked", type=int, default=200, help="texts compared with float64")
    parser.add_argument("--cpu", type=int, default=0, help="the processor to run on")
    parser.add_argument("--instructions", nargs="*", default=[], help="also measure these instruction sets of ours")
    parser.add_argument("--out", type=Path, help="write the results here as JSON (default: WORK/results.json)")
    parser.add_argument("--smoke", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.count, arguments.singles, arguments.rounds, arguments.runs, arguments.checked = 60, 5, 1, 1, 10
    os.sched_setaffinity(0, {arguments.cpu})
    tokenizer = Tokenizer.from_file(str(arguments.model / "tokenizer.json"))
    tokenizer.enable_truncation(WINDOW)
    tokenizer.no_padding()
    weights = {name: value.astype(np.float64) for name, value in float_tensors(arguments.model).items()}
    report = measure(arguments, tokenizer, weights)
    out = arguments.out or arguments.work / "results.json"
    out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(markdown(report))
    print(f"{report['texts']} texts, {report['tokens']} tokens; {report['single_texts']} texts of 20 tokens; "
          f"onnxruntime {report['onnxruntime']}; {report['processor']}; results in {out}")
    wrong = [name for name, row in report["engines"].items() if "int8" not in name and row["least_cosine"] < 0.99]
    if wrong:
        print(f"embedding: not the reference's vectors: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
