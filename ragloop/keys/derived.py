"""What is kept of callers."""

from ragloop.catalogue import Derived, Kind, Lease

DERIVED = (
    Derived(
        "keys",
        Kind.TABLE,
        "Who may call the service: names, labels, roles and the SHA-256 of each key.",
        "what an operator decided",
        "",
        Lease.KEYS,
    ),
)
