"""Does ragloop find what other pipelines find? The claim: with one embedder it ranks above LangChain.

    python benchmarks/evaluation_peers.py [--data DIR] [--languages en] [--only langchain] [--cache DIR] [--queries N]

Takes cranfield (binary judgements of its dev queries) and xquad, as ranking.py does. Each peer runs its own splitter
and retrievers as its tutorials have them, in an environment of its own that is made on first use, and asks this process
for the vectors of ragloop's embedder. ragloop is asked as it answers: hybrid search, with and without the reranker.
Prints one Markdown table per set with intervals of 95 % of nDCG@10, those of `ragloop evaluate`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from peers.corpus import default_cache
from peers.environments import environment
from ranking import DATA, DEPTH, Bm25, JudgedSet, Ranking, by_document, cranfield, indexed, xquad

from ragloop.answering.retrieval import RetrievalPolicy, Retriever
from ragloop.app import App
from ragloop.corpus.index.searching.search import Search
from ragloop.learning.comparing.intervals import bounds
from ragloop.learning.comparing.ranking import ndcg, recall, reciprocal_rank

SCRIPTS = Path(__file__).parent / "peers"
PACKAGES: dict[str, list[str]] = {
    "langchain": [
        "--only-binary=:all:", "langchain-core==1.7.2", "langchain-classic==1.0.8", "langchain-community==0.4.2",
        "langchain-text-splitters==1.1.3", "rank-bm25==0.2.2", "numpy==2.4.6",
    ],
}  # fmt: skip
"""Wheels alone: a resolver that goes back to a version without one compiles numpy for a quarter of an hour."""
Rankings = Mapping[str, Mapping[str, Ranking]]


def ours(app: App, judged: JudgedSet, vectors: Mapping[str, np.ndarray]) -> Rankings:
    """Rankings of ragloop: plain vector search, and what answers are made from, as found and as reranked."""
    policy = RetrievalPolicy.of(app.settings.retrieval, guard=app.settings.answers.guard).for_top(DEPTH)
    retriever, search = Retriever(app.index, policy), Search(app.index)
    found: dict[str, dict[str, Ranking]] = {"vector": {}, "hybrid": {}, "hybrid, reranked": {}}
    for query, text in judged.queries.items():
        rows = search.by_vector(vectors[text], policy.candidates)[:DEPTH]
        found["vector"][query] = list(dict.fromkeys(Path(row["uri"]).stem for row in rows))
        passages = retriever.retrieve(text, vectors[text]).passages
        found["hybrid"][query] = by_document(passages)
        found["hybrid, reranked"][query] = by_document(app.answering.reranking.order(text, passages).passages)
    return found


def theirs(peer: str, judged: JudgedSet, app: App, cache: Path, folder: Path) -> Rankings:
    """Rankings of a peer, which asks for vectors over its pipes."""
    file = folder / "given.json"
    asked = {"documents": judged.documents, "queries": judged.queries, "depth": DEPTH}
    file.write_text(json.dumps(asked), encoding="utf-8")
    python = environment(f"{peer}-retrieval", PACKAGES[peer], cache)
    command = [str(python), str(SCRIPTS / f"{peer}_retrieval.py"), str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for line in running.stdout:
            told = json.loads(line)
            if "embed" not in told:
                print(f"{peer}: {told['versions']}", file=sys.stderr)
                return dict(told["rankings"])
            running.stdin.write(json.dumps(app.embedder.embed(told["embed"]).tolist()) + "\n")
            running.stdin.flush()
    raise SystemExit(f"{peer} ended without rankings")


def measured(ranking: Ranking, relevant: frozenset[str]) -> list[float]:
    return [
        ndcg(ranking, relevant, 10),
        recall(ranking, relevant, 5),
        recall(ranking, relevant, 10),
        reciprocal_rank(ranking, relevant),
    ]


def table(rankings: Rankings, relevant: Mapping[str, frozenset[str]]) -> None:
    """Print a row per pipeline; its difference to the last one, which is ragloop as it answers, is that of pairs."""
    values = {name: np.array([measured(held[q], relevant[q]) for q in relevant]) for name, held in rankings.items()}
    reference = values[list(values)[-1]]
    print("| pipeline | nDCG@10 | 95 % | recall@5 | recall@10 | MRR | ragloop − it, 95 % |")
    print("|---|---:|---|---:|---:|---:|---|")
    for name, held in values.items():
        drawn = bounds(held[:, :1], reference[:, :1], [False])
        alone, more = drawn.a[0], drawn.difference[0]
        assert alone is not None
        assert more is not None
        means = held.mean(axis=0)
        cells = " | ".join(f"{one:.3f}" for one in means[1:])
        ends = f"{alone.low:.3f} to {alone.high:.3f}"
        print(f"| {name} | {means[0]:.3f} | {ends} | {cells} | {more.low:+.3f} to {more.high:+.3f} |")


def few_of(judged: JudgedSet, most: int | None) -> JudgedSet:
    """The same documents with so many of the queries, evenly over the set."""
    step = -(-len(judged.queries) // most) if most else 1
    kept = list(judged.queries)[::step]
    return replace(
        judged, queries={one: judged.queries[one] for one in kept}, gains={one: judged.gains[one] for one in kept}
    )


def compare(judged: JudgedSet, peers: Sequence[str], cache: Path, folder: Path) -> None:
    app = indexed(judged, folder)
    texts = list(judged.queries.values())
    vectors = dict(zip(texts, app.embedder.embed(texts), strict=True))
    relevant = {query: frozenset(one for one, gain in held.items() if gain > 0) for query, held in judged.gains.items()}
    relevant = {query: held for query, held in relevant.items() if held}
    bm25 = Bm25(judged.documents)
    rankings: dict[str, Mapping[str, Ranking]] = {
        "BM25": {query: bm25.ranking(text) for query, text in judged.queries.items()}
    }
    for peer in peers:
        found = theirs(peer, judged, app, cache, folder)
        rankings |= {f"{peer}, {way}": held for way, held in found.items()}
    rankings |= {f"ragloop, {way}": held for way, held in ours(app, judged, vectors).items()}
    print(f"\n{judged.name}: {len(judged.documents)} documents, {len(relevant)} queries, {app.embedder.fingerprint}\n")
    table(rankings, relevant)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds cranfield and xquad")
    parser.add_argument("--languages", nargs="*", default=["en"], help="languages of xquad: en, de, zh, ar")
    parser.add_argument("--only", nargs="*", default=["langchain"], help="peers to run")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the environments")
    parser.add_argument("--queries", type=int, help="ask so many of each set, drawn evenly")
    parser.add_argument("--no-cranfield", action="store_true", help="xquad alone")
    given = parser.parse_args()
    sets = [] if given.no_cranfield else [cranfield(given.data)]
    for judged in [*sets, *(xquad(given.data, one) for one in given.languages)]:
        with tempfile.TemporaryDirectory() as folder:
            compare(few_of(judged, given.queries), given.only, given.cache, Path(folder))


if __name__ == "__main__":
    main()
