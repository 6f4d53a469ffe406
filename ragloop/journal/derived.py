"""What the log keeps."""

from ragloop.catalogue import LOGGED, Derived, Erasure, Kind, Lease

_PEOPLE = "what people asked, and passages by id, revision and hash"

DERIVED = (
    Derived(
        "interactions",
        Kind.TABLE,
        "Every answer with its evidence; what is reused, too.",
        _PEOPLE,
        "",
        Lease.JOURNAL,
        LOGGED,
        erased=Erasure.ROWS,
    ),
    Derived(
        "feedback",
        Kind.TABLE,
        "Votes and corrections.",
        "interactions",
        "",
        Lease.JOURNAL,
        LOGGED,
        erased=Erasure.ROWS,
    ),
    Derived(
        "journal/*.jsonl",
        Kind.FILES,
        "Answers and feedback not yet in the tables.",
        _PEOPLE,
        "",
        Lease.JOURNAL,
        LOGGED,
        erased=Erasure.PARTS,
    ),
    Derived(
        "journal/unreadable.lines",
        Kind.FILES,
        "Lines that are no entries.",
        _PEOPLE,
        "",
        Lease.JOURNAL,
        LOGGED,
        erased=Erasure.PARTS,
    ),
)
