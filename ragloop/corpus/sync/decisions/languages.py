"""Decide whether to say that documents are in languages that the embedder does not read."""

from collections.abc import Mapping

from ragloop.corpus.sync.report import UNDETERMINED
from ragloop.models.embedding.languages import MULTILINGUAL, language_name, languages_read

LEAST_DOCUMENTS = 3
LEAST_SHARE = 0.01
"""Of the documents that were read. Of 8,453 English ones one was told as another language, so that by error less than
one in a thousand is (benchmarks/LOG.md, 2026-11-30)."""
MOST_NAMED = 4
"""Most languages that are named."""


def unread_languages(languages: Mapping[str, int], embedder: str) -> str | None:
    """Say which documents an embedder does not read, and what to do; None where it reads them, or is not known.

    `languages` counts the documents that were read by the code of their language.
    """
    reads = languages_read(embedder)
    if reads is None:
        return None
    unread = {code: count for code, count in languages.items() if code not in {*reads, UNDETERMINED}}
    documents, of_all = sum(unread.values()), sum(languages.values())
    if documents < max(LEAST_DOCUMENTS, LEAST_SHARE * of_all):
        return None
    name = embedder.rpartition("/")[2]
    return (
        f"{documents:,} of {of_all:,} documents that were read are in {_counted(unread)}, which {name} does not read: "
        f"searches find them by their words only{_advice(unread, name)}"
    )


def _counted(languages: Mapping[str, int]) -> str:
    """Name languages with their documents, those of most documents first."""
    ranked = sorted(languages, key=lambda code: (-languages[code], code))
    named = [f"{language_name(code)} ({languages[code]:,})" for code in ranked[:MOST_NAMED]]
    if rest := ranked[MOST_NAMED:]:
        named.append(f"{len(rest)} more ({sum(languages[code] for code in rest):,})")
    return _joined(named)


def _advice(languages: Mapping[str, int], name: str) -> str:
    """Say which embedder reads languages, where there is one that this is not."""
    reads = languages_read(MULTILINGUAL) or frozenset()
    if name == MULTILINGUAL or not reads & languages.keys():
        return ""
    left = sorted(language_name(code) for code in languages.keys() - reads)
    but = f", which reads all but {_joined(left)}" if left else ""
    return f'; set index.embedder = "{MULTILINGUAL}"{but}'


def _joined(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
