"""What is kept of topics."""

from ragloop.catalogue import Derived, Erasure, Kind, Lease, Recreation, Text

_LOG = "logged questions"

DERIVED = (
    Derived(
        "topics",
        Kind.TABLE,
        "Topics of the log: their names, terms, and what people made of them.",
        _LOG,
        "",
        Lease.TOPICS,
        (Text.QUESTIONS,),
        erased=Erasure.ROWS,
    ),
    Derived(
        "topic_questions",
        Kind.TABLE,
        "The topic of each question, by the hash of its text.",
        _LOG,
        "ragloop topics, without what people merged and parted",
        Lease.TOPICS,
        recreated=Recreation.EMPTY,
        erased=Erasure.ROWS,
    ),
    Derived(
        "routes",
        Kind.TABLE,
        "Every move of a topic to another lane, with the documents that it rests on.",
        "topics, adapters, documents",
        "",
        Lease.TOPICS,
        erased=Erasure.ROWS,
    ),
)
