"""Does it help to rank poorly recognised text lower? The claim: a text comes before its poor scan, and nothing is lost.

    python benchmarks/recognised_rank.py [--data DIR] [--keep FILE]

Takes the folder that holds xquad (SQuAD form). Some of its paragraphs are drawn as images, shrunk, blurred and with
noise, and recognised; FILE keeps what was recognised, and a later run goes on from it. Prints two Markdown tables: by
band of confidence the share of a paragraph's words that were read; and by rule of ranking, the share of questions whose
paragraph is first, and among the first five: of paragraphs that are there as text, as a scan alone, and as both, where
the text is to be first.
"""

import argparse
import json
import tempfile
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from ranking import DATA, JudgedSet, indexed, xquad

from ragloop.answering.retrieval import RetrievalPolicy, fuse, trust
from ragloop.app import App
from ragloop.corpus.index.searching.search import Search
from ragloop.corpus.parsing.limits import ParseLimits
from ragloop.corpus.parsing.pages.recognition import Recogniser

Damage = tuple[float, float, float]
"""The scale of an image, the radius that blurs it, and the deviation of its noise (of 255 greys)."""
_WIDE: Sequence[Damage] = ((1.0, 0, 0), (0.5, 0.6, 20), (0.4, 0.8, 35), (0.34, 0.9, 45), (0.28, 0.9, 50))
_CLOSE: Sequence[Damage] = ((0.48, 0.6, 22), (0.46, 0.65, 24), (0.44, 0.7, 28), (0.43, 0.72, 30), (0.47, 0.7, 30))
_DRAWN = ((slice(0, 120, 3), _WIDE), (slice(1, 102, 10), _CLOSE))
"""Which paragraphs are drawn, and how they are damaged in turn."""
_BANDS = (0.0, 0.6, 0.8, 0.9, 0.95, 1.01)
_POINTS = 0.36
_SURE = (0.8, 0.85, 0.9, 0.95)
"""From which confidence recognised text counts as text; ragloop's own is in ragloop.answering.retrieval."""
RULES: Mapping[str, Callable[[float | None], float]] = {
    "1": lambda confidence: 1.0,
    **{f"confidence / {sure}": partial(trust, sure=sure) for sure in _SURE},
}


@dataclass(frozen=True)
class Scan:
    """A paragraph that was drawn, and what was recognised of it."""

    name: str
    text: str
    confidence: float
    read: float


def scans(documents: Mapping[str, str], keep: Path | None) -> list[Scan]:
    """Recognise the drawn paragraphs, those apart that FILE has."""
    lines = keep.read_text(encoding="utf-8").splitlines() if keep and keep.is_file() else []
    known = {one.name: one for one in (Scan(**json.loads(line)) for line in lines)}
    names = list(documents)
    found: dict[str, Scan] = {}
    for chosen, damages in _DRAWN:
        for number, name in enumerate(names[chosen]):
            if name in found:
                continue
            found[name] = known.get(name) or _scanned(name, documents[name], damages[number % len(damages)], number)
            if keep and name not in known:
                with keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(found[name])) + "\n")
    return list(found.values())


def _scanned(name: str, text: str, damage: Damage, seed: int) -> Scan:
    pixels = np.asarray(drawn(text, damage, seed))[:, :, ::-1].copy()
    found = Recogniser(ParseLimits(recognise=True)).read(pixels, _POINTS)
    wanted, words = Counter(text.lower().split()), Counter(found.text.lower().split())
    return Scan(name, found.text, found.confidence, (wanted & words).total() / wanted.total())


def drawn(text: str, damage: Damage, seed: int) -> Image.Image:
    """Draw a paragraph as a bad copy of a page shows it."""
    scale, blur, noise = damage
    lines, font = textwrap.wrap(text, 80), ImageFont.load_default(size=24)
    page = Image.new("L", (1100, 60 + 34 * len(lines)), 255)
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(lines):
        pen.text((30, 30 + 34 * number), line, fill=0, font=font)
    size = int(page.width * scale), int(page.height * scale)
    small = page.resize(size, Image.Resampling.BILINEAR).filter(ImageFilter.GaussianBlur(blur))
    greys = np.asarray(small, np.float32)
    greys = greys + np.random.default_rng(seed).normal(0, noise, greys.shape).astype(np.float32)
    return Image.fromarray(greys.clip(0, 255).astype(np.uint8)).convert("RGB")


def bands(found: Sequence[Scan]) -> Iterator[str]:
    """Yield the rows of the first table."""
    for low, high in pairwise(_BANDS):
        within = [one.read for one in found if low <= one.confidence < high and one.text]
        if within:
            yield f"| {low:.2f} to {min(high, 1):.2f} | {len(within)} | {np.mean(within):.2f} | {min(within):.2f} |"


def corpus(judged: JudgedSet, found: Sequence[Scan]) -> tuple[JudgedSet, dict[str, str], dict[str, float]]:
    """Return the documents, the kind of each paragraph, and the confidence of each scan by its name.

    Every other paragraph that was drawn is there as text as well.
    """
    documents, kinds = dict(judged.documents), dict.fromkeys(judged.documents, "text")
    confidences: dict[str, float] = {}
    for number, one in enumerate(one for one in found if one.text):
        kinds[one.name] = "both" if number % 2 else "scan"
        name = f"{one.name}-scan"
        documents[name], confidences[name] = one.text, one.confidence
        if kinds[one.name] == "scan":
            del documents[one.name]
    return replace(judged, documents=documents), kinds, confidences


def ranks(app: App, judged: JudgedSet, kinds: Mapping[str, str], confidences: Mapping[str, float]) -> Iterator[str]:
    """Yield the rows of the second table."""
    policy = RetrievalPolicy.of(app.settings.retrieval, guard=app.settings.answers.guard)
    search = Search(app.index)
    places: dict[tuple[str, str], list[int]] = {}
    ids = list(judged.queries)
    for query, vector in zip(ids, app.embedder.embed([judged.queries[one] for one in ids]), strict=True):
        rankings = [
            search.by_vector(vector, policy.candidates),
            search.by_words(judged.queries[query], vector, policy.candidates),
        ]
        names = {row["id"]: Path(row["uri"]).stem for ranking in rankings for row in ranking}
        fused = fuse([[row["id"] for row in ranking] for ranking in rankings], policy.rrf_k)
        (paragraph,) = judged.gains[query]
        wanted = paragraph + ("-scan" if kinds[paragraph] == "scan" else "")
        for rule, weight in RULES.items():
            scores = {one: score * weight(confidences.get(names[one])) for one, score in fused.items()}
            order = list(dict.fromkeys(names[one] for one in sorted(scores, key=lambda one: (-scores[one], one))))
            places.setdefault((rule, kinds[paragraph]), []).append(
                order.index(wanted) + 1 if wanted in order else 1_000
            )
    for rule in RULES:
        cells = []
        for kind in ("text", "scan", "both"):
            at = np.array(places[rule, kind])
            cells.append(f"{np.mean(at == 1):.3f} / {np.mean(at <= 5):.3f} ({len(at)})")
        yield f"| {rule} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds xquad")
    parser.add_argument("--keep", type=Path, help="file that keeps what was recognised")
    given = parser.parse_args()
    judged = xquad(given.data)
    found = scans(judged.documents, given.keep)
    print("| confidence | scans | words read | worst |\n|---|---:|---:|---:|")
    print("\n".join(bands(found)))
    both, kinds, confidences = corpus(judged, found)
    print("\n| score times | text | scan alone | text and scan |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(ranks(indexed(both, Path(folder)), both, kinds, confidences)))


if __name__ == "__main__":
    main()
