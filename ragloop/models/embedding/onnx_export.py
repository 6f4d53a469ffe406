"""ONNX export of a sentence-transformers model.

`python -m ragloop.models.embedding.onnx_export NAME SOURCE FOLDER PRECISION` runs as its own process.
Writes model.onnx with pooling and normalisation in the graph, its weights beside it,
tokenizer.json and the manifest, then compares what it wrote with the model. `built_once` publishes the folder only if
that succeeds.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ragloop.errors import NotFoundError, RagloopError, UnavailableError
from ragloop.hashes import sha256_of
from ragloop.models.cache import MANIFEST
from ragloop.models.embedding import sentence_transformer
from ragloop.models.embedding.onnx_int8 import round_products
from ragloop.models.embedding.onnx_runtime import MODEL, TOKENIZER, OnnxEmbedder
from ragloop.models.embedding.runtimes import NOT_LOADABLE, RECIPES, Precision

WEIGHTS = "model.weights"
OPSET = 18
AGREEMENT = 0.9999
"""Least cosine between a vector of the export and the model's own; what the fingerprint promises between runtimes."""
AGREEMENT_INT8 = 0.97
"""In eight bits; .9977 was the least on 80 chunks of Django's documentation."""

UNMASKED = ("bert",)
"""Types of models whose attention masks nothing but padding; others may hide tokens that are far, or that follow."""

TRIAL = (
    "How do I change the retention of old revisions?",
    "",
    sentence_transformer.PROBE,
    "A paragraph of ordinary length, with one sentence that says little, and another that ends it. " * 3,
    "words beyond what the model reads " * 200,
)
"""Lengths from nothing to beyond the limit: a graph that was traced for one length only fails on the others."""


def export(name: str, source: str, folder: Path, precision: Precision) -> None:
    """Write the export of `source` into `folder`. Raises NotFoundError, and UnavailableError if the vectors differ."""
    model = sentence_transformer.load(source).to("cpu").eval()
    _write_graph(model, folder, precision)
    model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER), pretty=False)
    manifest = {
        "name": name,
        "origin": source,
        "recipe": RECIPES[precision],
        "weights_sha256": sentence_transformer.weights_sha256(model),
        "precision": precision,
        "fingerprint": sentence_transformer.fingerprint(model)
        + ("" if precision == "fp32" else f"-{precision}-r{RECIPES[precision]}"),
        "dimension": sentence_transformer.dimension(model),
        "max_tokens": sentence_transformer.max_tokens(model),
        "prompts": dict(zip(("question", "passage"), sentence_transformer.prompts_of(model), strict=True)),
        "files": {file.name: sha256_of(file) for file in sorted(folder.iterdir())},
        "made_with": {package: version(package) for package in ("torch", "transformers", "sentence-transformers")},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    _compare(model, OnnxEmbedder(folder), AGREEMENT if precision == "fp32" else AGREEMENT_INT8)


def _compare(model: Any, embedder: OnnxEmbedder, least: float) -> None:
    expected = model.encode_document(list(TRIAL), batch_size=1, normalize_embeddings=True, show_progress_bar=False)
    for texts in (TRIAL, *([text] for text in TRIAL)):
        wanted = expected if len(texts) > 1 else expected[[TRIAL.index(texts[0])]]
        agreement = float(np.sum(embedder.embed(texts) * wanted, axis=1).min())
        if not agreement >= least:
            raise UnavailableError(
                f"the export agrees with the model at cosine {agreement:.5f}; expected at least {least}"
            )


def _write_graph(model: Any, folder: Path, precision: Precision) -> None:
    import torch

    if precision == "int8" and model[0].model.config.model_type in UNMASKED:
        _attend_to_all(model[0].model)

    class TextToVector(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = torch.nn.ModuleList(model)

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            features = {"input_ids": input_ids, "attention_mask": attention_mask}
            for part in self.parts:
                features = part(features)
            return torch.nn.functional.normalize(features["sentence_embedding"], dim=-1)

    # Two texts of different length, so that the trace holds a mask that masks something.
    traced = model.tokenizer(["a first text, the longer one", "a second"], padding=True, return_tensors="pt")
    inputs = ["input_ids", "attention_mask"]
    whole = folder / "traced.onnx"
    with warnings.catch_warnings(), torch.no_grad():
        # The tracing exporter is deprecated but takes 2 s where the other takes 8 and more packages, and torch is
        # pinned. What its warnings fear, a graph that holds for the traced lengths only, is checked on real texts.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            TextToVector().eval(),
            tuple(traced[name] for name in inputs),
            whole,
            input_names=inputs,
            output_names=["vectors"],
            dynamic_axes={name: {0: "text", 1: "token"} for name in inputs} | {"vectors": {0: "text"}},
            opset_version=OPSET,
            dynamo=False,
        )
    if precision == "int8":
        texts = [model.tokenizer(text, truncation=True, return_tensors="np") for text in TRIAL]
        round_products(whole, [{name: text[name] for name in inputs} for text in texts])
    _optimize(whole, folder, precision)
    whole.unlink()


def _attend_to_all(transformer: Any) -> None:
    """Leave the mask out of attention, which costs a twentieth: eight-bit exports run on one text at a time."""
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface

    def attend(
        module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, _: Any, scaling: float, **__: Any
    ) -> tuple[torch.Tensor, None]:
        shares = torch.softmax(torch.matmul(query * scaling, key.transpose(2, 3)), dim=-1)
        return torch.matmul(shares, value).transpose(1, 2), None

    AttentionInterface.register("unmasked", attend)
    AttentionMaskInterface.register("unmasked", lambda *_, **__: None)
    transformer.set_attn_implementation("unmasked")


def _optimize(traced: Path, folder: Path, precision: Precision) -> None:
    """Write the graph as ONNX Runtime rewrites it, so that no start has to: loading takes 0.07 s instead of 0.11.

    Weights in a file of their own are mapped into memory, which halves the time to load. Extended optimizations hold
    on every CPU, those above them do not.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / MODEL)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS)
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    onnxruntime.InferenceSession(traced, options, providers=["CPUExecutionProvider"])
    if precision == "int8":
        _approximate_gelu(folder / MODEL)


def _approximate_gelu(file: Path) -> None:
    """Take the tanh form of GELU, in half the time; it moves a vector by a cosine of 1e-6 (arXiv:1606.08415)."""
    import onnx

    model = onnx.load(file, load_external_data=False)
    for node in model.graph.node:
        if node.op_type == "Gelu" and node.domain == "com.microsoft":
            node.op_type = "FastGelu"
    onnx.save(model, file)


def main(name: str, source: str, folder: str, precision: Precision) -> int:
    """Export; the exit code says which error it was, the last line of stderr says why."""
    try:
        export(name, source, Path(folder), precision)
    except RagloopError as error:
        print(error, file=sys.stderr)
        return NOT_LOADABLE if isinstance(error, NotFoundError) else error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))  # type: ignore[arg-type]
