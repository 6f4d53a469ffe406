"""What is kept of erasures."""

from ragloop.catalogue import Derived, Kind, Lease

DERIVED = (
    Derived(
        "artifacts/erasures/ID.json",
        Kind.FILES,
        "Certificates of erasures: hashes of what was erased, what was searched, a signature.",
        "what an operator erased",
        "",
        Lease.INDEX,
    ),
    Derived(
        "erasure.key",
        Kind.FILES,
        "The key that signs certificates; their public half stands in each.",
        "nothing",
        "the next erasure makes another one",
        backed_up=False,
    ),
)
