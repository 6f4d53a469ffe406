"""What is kept of adapters."""

from ragloop.catalogue import LOGGED, Derived, Erasure, Kind, Lease

_TRAINED = "the dataset that the adapter was trained on"

DERIVED = (
    Derived(
        "adapters",
        Kind.TABLE,
        "Every adapter: its training, evaluation, verdict.",
        _TRAINED,
        "",
        Lease.REGISTRY,
        erased=Erasure.ROWS,
    ),
    Derived(
        "aliases",
        Kind.TABLE,
        "Every promotion and rollback, and every step of a canary, by lane.",
        "adapters",
        "",
        Lease.REGISTRY,
        erased=Erasure.ROWS,
    ),
    *(
        Derived(
            f"artifacts/adapters/ID/{name}",
            Kind.FILES,
            what,
            _TRAINED,
            "retrain",
            Lease.RETRAINING,
            text,
            listed_in="adapters",
            erased=Erasure.PARTS,
        )
        for name, what, text in (
            ("adapter_model.safetensors", "Weights of an adapter.", ()),
            ("adapter_config.json", "PEFT's description of an adapter.", ()),
            ("training.json", "What the training measured, or what it was merged from.", ()),
            ("spec.json", "What the training was asked to do.", ()),
            (
                "rows.parquet",
                "The rows that the adapter was trained on; of a merged one, those of all its parents.",
                LOGGED,
            ),
            ("evaluation.parquet", "What champion and candidate answered when it was evaluated.", LOGGED),
        )
    ),
    Derived(
        "artifacts/adapters/ID/checkpoints/**",
        Kind.FILES,
        "Where a training that is killed goes on from.",
        _TRAINED,
        "retrain",
        Lease.RETRAINING,
        backed_up=False,
        erased=Erasure.PARTS,
    ),
    Derived(
        "artifacts/copies/**",
        Kind.FILES,
        "Copies of adapters in a bucket, as this machine loads them.",
        "the adapters in the bucket, until they are retired",
        "the next load",
        backed_up=False,
        erased=Erasure.PARTS,
    ),
    Derived(
        "artifacts/mirrors.json",
        Kind.FILES,
        "Which adapters each mirror may hold, by its address.",
        "the mirrors",
        "the next `ragloop adapters mirror`, but for mirrors that no setting names any more",
        Lease.MIRROR,
    ),
    Derived(
        "artifacts/adapters/ID/lock",
        Kind.FILES,
        "Held by the training process.",
        "a running training",
        "retrain",
        backed_up=False,
    ),
)
