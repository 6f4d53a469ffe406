"""What Prefect keeps under the home."""

from ragloop.catalogue import Derived, Kind, Text

DERIVED = (
    Derived(
        "prefect/**",
        Kind.FILES,
        "Prefect's database, results, logs and profiles, and the string that its server asks for.",
        "flow runs; names of documents stand in artifacts and logs",
        "ragloop up",
        text=(Text.DOCUMENTS,),
        backed_up=False,
        kept_because="`ragloop erase` takes names out of every SQLite database in a home, and searches the rest",
    ),
)
