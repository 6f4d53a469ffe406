"""Which part of an erasure is done by what: one eraser for each entry of the catalogue that holds something of it."""

from collections.abc import Mapping

from ragloop.erasure.removing.artifacts import (
    erase_adapters,
    erase_aliases,
    erase_copies,
    erase_datasets,
    erase_every_file,
    erase_files,
    erase_golden,
)
from ragloop.erasure.removing.index import erase_aside, erase_documents, erase_from_rows, erase_pages, erase_vectors
from ragloop.erasure.removing.log import erase_feedback, erase_interactions, erase_unreadable, erase_waiting, fold
from ragloop.erasure.removing.topics import erase_routes, erase_topic_questions, erase_topics
from ragloop.erasure.removing.work import Eraser

ERASERS: Mapping[str, Eraser] = {
    "journal/*.jsonl": fold,
    "journal/unreadable.lines": erase_unreadable,
    "traces/**": erase_waiting,
    "feedback": erase_feedback,
    "interactions": erase_interactions,
    "topics": erase_topics,
    "topic_questions": erase_topic_questions,
    "routes": erase_routes,
    "index_": erase_documents,
    "vectors_": erase_vectors,
    "recognised/*": erase_pages,
    "reports": erase_from_rows,
    "aside/**": erase_aside,
    "adapters": erase_adapters,
    "aliases": erase_aliases,
    "artifacts/adapters/ID/adapter_model.safetensors": erase_files,
    "artifacts/adapters/ID/adapter_config.json": erase_files,
    "artifacts/adapters/ID/training.json": erase_files,
    "artifacts/adapters/ID/spec.json": erase_files,
    "artifacts/adapters/ID/evaluation.parquet": erase_files,
    "artifacts/adapters/ID/checkpoints/**": erase_files,
    "artifacts/adapters/ID/tensorboard/**": erase_files,
    "artifacts/adapters/ID/wandb/**": erase_files,
    "artifacts/adapters/ID/rows.parquet": erase_files,
    "artifacts/copies/**": erase_copies,
    "datasets": erase_datasets,
    "artifacts/datasets/ID/train.parquet": erase_files,
    "artifacts/datasets/ID/eval.parquet": erase_files,
    "artifacts/datasets/ID/manifest.json": erase_files,
    "artifacts/golden.jsonl": erase_golden,
    "artifacts/examples/*.parquet": erase_every_file,
    "artifacts/answers/ID.parquet": erase_every_file,
}
"""By the name of the entry, in the order in which they work: answers of the journal are erased in the tables, and what
tells whether an adapter rests on it goes last."""
