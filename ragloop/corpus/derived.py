"""What is kept of documents."""

from ragloop.catalogue import Derived, Erasure, Kind, Lease, Recreation, Text

DERIVED = (
    Derived(
        "generations",
        Kind.TABLE,
        "The indexes that were built, and which one answers.",
        "parser, chunker and embedder of the settings",
        "doctor --repair, where the indexes that are there tell",
        Lease.GENERATIONS,
        recreated=Recreation.FROM_INDEXES,
    ),
    Derived(
        "index_",
        Kind.TABLES,
        "Documents (the ledger) and chunks of one generation.",
        "the documents in their revisions",
        "sync --rebuild",
        Lease.INDEX,
        (Text.DOCUMENTS,),
        erased=Erasure.ROWS,
    ),
    Derived(
        "vectors_",
        Kind.TABLES,
        "Vectors of one embedder by the hash of the embedded text, of chunks and of questions.",
        "texts of chunks, logged questions",
        "the next sync or measurement that needs them",
        Lease.INDEX,
        erased=Erasure.ROWS,
    ),
    Derived(
        "recognised/*",
        Kind.FILES,
        "Text recognised in images, by the hash of the image; the folder may be deleted at any time.",
        "documents of the indexes that answer or are built, which name it",
        "the next sync that reads such a page",
        text=(Text.DOCUMENTS,),
        backed_up=False,
        erased=Erasure.PARTS,
    ),
    Derived(
        "reports",
        Kind.TABLE,
        "What ran last: scans of sources, syncs, drift, reviews, vectors to be dropped.",
        "sources, the log, adapters",
        "doctor --repair creates it, empty",
        Lease.INDEX,
        (Text.DOCUMENTS,),
        recreated=Recreation.EMPTY,
        erased=Erasure.ROWS,
    ),
    Derived(
        "suppressions",
        Kind.TABLE,
        "What was erased and must not come back, by hashes of source and key, of URI, of content.",
        "what an operator erased",
        "",
        Lease.INDEX,
    ),
)
