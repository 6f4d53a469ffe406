"""CocoIndex with its LanceDB target, as its own example of text embedding has it. See given.py.

A file is a component that is memoized, and so is the embedding of a string, which is called in batches.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cocoindex as coco
import given
import numpy as np
from cocoindex.connectors import lancedb, localfs
from cocoindex.resources.file import FileLike
from cocoindex.resources.id import IdGenerator
from cocoindex.resources.schema import VectorSchema
from numpy.typing import NDArray

PLACE: dict[str, Path] = {}
DATABASE = coco.ContextKey[lancedb.LanceAsyncConnection]("database")


@dataclass
class Row:
    """A row of the table."""

    id: int
    key: str
    heading: str
    text: str
    vector: Annotated[NDArray[np.float32], VectorSchema(dtype=np.dtype(np.float32), size=given.DIMENSION)]


@coco.lifespan
async def lifespan(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
    builder.provide(DATABASE, await lancedb.connect_async(str(PLACE["state"] / "lance")))
    yield


@coco.fn.as_async(batching=True, max_batch_size=64)
def embed_batch(texts: list[str]) -> list[NDArray[np.float32]]:
    return list(given.embed(texts))


@coco.fn(memo=True, version=1)
async def embed(text: str) -> NDArray[np.float32]:
    return await embed_batch(text)


@coco.fn
async def process_chunk(chunk: dict, key: str, ids: IdGenerator, table: lancedb.TableTarget[Row]) -> None:
    table.declare_row(
        row=Row(
            id=await ids.next_id(chunk["embedded"]),
            key=key,
            heading=chunk["heading"],
            text=chunk["text"],
            vector=await embed(chunk["embedded"]),
        )
    )


@coco.fn(memo=True)
async def process_file(file: FileLike, table: lancedb.TableTarget[Row]) -> None:
    key = str(file.file_path.path.relative_to(PLACE["documents"]))
    await coco.map(process_chunk, given.chunks_of(await file.read(), PLACE["chunks"]), key, IdGenerator(), table)


@coco.fn
async def index(folder: Path) -> None:
    schema = await lancedb.TableSchema.from_class(Row, primary_key=["id"])
    table = await lancedb.mount_table_target(DATABASE, "chunks", schema)
    await coco.mount_each(process_file, localfs.walk_dir(folder, recursive=True).items(), table)


def sync(documents: Path, chunks: Path, state: Path) -> None:
    state.mkdir(parents=True, exist_ok=True)
    PLACE.update(documents=documents, chunks=chunks, state=state)
    os.environ["COCOINDEX_DB"] = str(state / "coco")
    coco.App(coco.AppConfig(name="bench"), index, folder=documents).update_blocking()


def rows(state: Path) -> given.Rows:
    import lancedb as lance

    found = lance.connect(state / "lance").open_table("chunks").search().select(["key", "text"]).limit(None).to_arrow()
    return list(zip(found["key"].to_pylist(), found["text"].to_pylist(), strict=True))


def commits(state: Path) -> int:
    return given.lance_versions(state / "lance" / "chunks.lance")


if __name__ == "__main__":
    given.main(["cocoindex", "lancedb"], sync, rows, commits)
