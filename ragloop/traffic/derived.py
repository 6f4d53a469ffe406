"""What is kept of traffic until it is in the log."""

from ragloop.catalogue import LOGGED, Derived, Erasure, Kind, Text

DERIVED = (
    Derived(
        "traces/**",
        Kind.FILES,
        "Traces that services sent in the last minute, until they are in the log.",
        "what services sent",
        "nothing needs to: within a minute they are in the log",
        text=(Text.DOCUMENTS, *LOGGED),
        backed_up=False,
        erased=Erasure.PARTS,
    ),
)
