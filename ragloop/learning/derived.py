"""What is kept of examples and evaluations."""

from ragloop.catalogue import LOGGED, Derived, Erasure, Kind, Lease

_LOG = "logged answers with feedback, and the documents that they rest on"

DERIVED = (
    Derived(
        "datasets",
        Kind.TABLE,
        "Every dataset that was built.",
        _LOG,
        "",
        Lease.RETRAINING,
        erased=Erasure.ROWS,
    ),
    *(
        Derived(
            f"artifacts/datasets/ID/{name}",
            Kind.FILES,
            what,
            _LOG,
            "",
            Lease.RETRAINING,
            text,
            listed_in="datasets",
            erased=Erasure.PARTS,
        )
        for name, what, text in (
            ("train.parquet", "Examples to train on.", LOGGED),
            ("eval.parquet", "Examples held out.", LOGGED),
            ("manifest.json", "Recipe, numbers and hashes of a dataset.", ()),
        )
    ),
    Derived(
        "artifacts/golden.jsonl",
        Kind.FILES,
        "The golden questions that people added.",
        "the documents that they name, by key and revision, and the log where one was suggested",
        "",
        Lease.GOLDEN,
        LOGGED,
        erased=Erasure.PARTS,
    ),
    Derived(
        "artifacts/examples/*.parquet",
        Kind.FILES,
        "What curation knows, for a recipe, of each answer with feedback or of a teacher.",
        _LOG,
        "the next curation",
        Lease.RETRAINING,
        LOGGED,
        backed_up=False,
        erased=Erasure.WHOLE,
    ),
    Derived(
        "artifacts/answers/ID.parquet",
        Kind.FILES,
        "Answers that a generator gave in evaluations.",
        "golden and held-out questions, and the passages in their prompts",
        "the next evaluation",
        Lease.RETRAINING,
        LOGGED,
        backed_up=False,
        erased=Erasure.WHOLE,
    ),
)
