"""What an application knows of its answers: comparisons of settings, golden questions, the floor of the similarity."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ragloop.app.answering import Answering
from ragloop.app.parts import Parts
from ragloop.config.overrides import overridden
from ragloop.errors import UsageError

if TYPE_CHECKING:
    from ragloop.answering.answer import Answerer
    from ragloop.config import Settings
    from ragloop.corpus.index.table import ActiveIndex
    from ragloop.learning.calibration.floor import Calibration
    from ragloop.learning.comparing.comparison import Comparison
    from ragloop.learning.comparing.trend import GoldenReport
    from ragloop.learning.evaluation.golden import GoldenQuestion
    from ragloop.learning.golden.kept import GoldenSet
    from ragloop.learning.golden.standing import Checked
    from ragloop.learning.golden.suggesting import Suggestion

Progress = Callable[[int, int, str], None]


class Evaluation:
    """The evidence about the answers of one home. Nothing that it asks is logged."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def compare(
        self, golden: Path | None, a: str = "", b: str | None = None, *, batch: int = 1, progress: Progress
    ) -> "Comparison":
        """Ask golden questions with the settings changed as `a` says and, unless it is None, as `b` says.

        Both answer from one state of the index. Raises UsageError without a question, and as `overridden` does.
        """
        from ragloop.learning.comparing.asking import answered
        from ragloop.learning.comparing.comparison import compared
        from ragloop.learning.comparing.questions import to_ask
        from ragloop.learning.evaluation.golden import KnownDocuments

        sides = [overridden(self._parts.settings, one) for one in (a, b) if one is not None]
        active = self._parts.active()
        active = replace(active, index=active.index.snapshot())
        asked, left_out = to_ask(self.golden(golden), KnownDocuments.of(active.index))
        if not asked:
            why = "; ".join(["found no golden question to ask", *left_out])
            raise UsageError(f"{why}; name a file with --golden FILE, or add some with `ragloop golden add`")
        answerers = [self._answerer(one, active) for one in sides]
        found = answered(asked, answerers[0], answerers[1] if b is not None else None, batch, progress)
        return compared(found, a, b, left_out)

    def report(self, b: str | None = None, key: str = "", *, progress: Progress) -> "GoldenReport | None":
        """Compare the settings, on the golden questions of this home, with those that `b` changes, and keep the means.

        Without `b` the settings are measured alone. Returns None where the home has no golden question. `key` is that
        of Reports.append. Raises as `overridden` does.
        """
        from ragloop.learning.comparing.trend import GoldenReport, keep
        from ragloop.learning.evaluation.golden import KnownDocuments

        golden = self.golden()
        if not golden:
            return None
        known = KnownDocuments.of(self._parts.index)
        askable = not all(known.changed(one) for one in golden)
        comparison = self.compare(None, "", b, progress=progress) if askable else None
        made = GoldenReport(comparison, tuple(one for one in self.check_golden() if one.is_stale))
        keep(self._parts.store, made, key)
        return made

    def _answerer(self, settings: "Settings", active: "ActiveIndex") -> "Answerer":
        parts = self._parts
        other = Parts(settings, embedder=active.embedder, now=parts.now, boundary=parts.boundary)
        return Answering(other).answerer_over(lambda: active)

    @property
    def kept(self) -> "GoldenSet":
        """The golden questions that this home keeps."""
        from ragloop.learning.golden.kept import GoldenSet

        return GoldenSet(self._parts.store, self._parts.artifacts.files)

    def golden(self, file: Path | None = None) -> "list[GoldenQuestion]":
        """Read the golden questions of a file, or those of dataset.golden and of this home."""
        from ragloop.learning.evaluation.golden import read_golden
        from ragloop.learning.golden.kept import merged

        if file is not None:
            return read_golden(file)
        return merged(self.kept.all(), read_golden(self._parts.settings.dataset.golden))

    def add_golden(self, questions: "Sequence[GoldenQuestion]") -> "list[GoldenQuestion]":
        """Keep golden questions, and return them: a document without a revision is noted in that of today.

        Raises as as_of_today does.
        """
        from ragloop.learning.evaluation.golden import KnownDocuments
        from ragloop.learning.golden.kept import with_revisions

        if any(one.documents for one in questions):
            known = KnownDocuments.of(self._parts.index)
            questions = [with_revisions(one, known) for one in questions]
        self._parts.made_store()
        self.kept.add(questions)
        return list(questions)

    def check_golden(self) -> "list[Checked]":
        """Hold every golden question of this home against the documents of today."""
        from ragloop.learning.golden.standing import check

        return list(check(self.golden(), self._parts.index.snapshot()))

    def confirm_golden(self, ids: Sequence[str]) -> "list[GoldenQuestion]":
        """Note that kept golden questions hold for the documents of today; see GoldenSet.confirm."""
        from ragloop.learning.evaluation.golden import KnownDocuments

        return self.kept.confirm(ids, KnownDocuments.of(self._parts.index))

    def suggest_golden(self, most: int) -> "list[Suggestion]":
        """Return golden questions that the log suggests; see learning.golden.suggesting."""
        from ragloop.corpus.index import inventory
        from ragloop.learning.golden.suggesting import suggest

        return suggest(self._parts.journal, self.golden(), inventory.keys(self._parts.index), most)

    def calibrate(self, golden: Path | None, most: int, *, write: bool, progress: Progress) -> "Calibration":
        """Find the floor of the similarity; with `write`, keep it for this embedder where it surely beats the last."""
        from ragloop.answering.floors import FLOOR, Floors
        from ragloop.answering.retrieval import RetrievalPolicy
        from ragloop.learning.calibration.floor import calibrated
        from ragloop.learning.calibration.probing import sampled
        from ragloop.learning.calibration.questions import probes
        from ragloop.learning.evaluation.golden import KnownDocuments
        from ragloop.reports import Report, Reports

        parts, found = self._parts, self.golden(golden)
        active, wanted = parts.active(), parts.settings.retrieval
        active = replace(active, index=active.index.snapshot())
        confirmed = [one.golden for one in self.suggest_golden(most) if one.is_judged]
        asked = probes(found, confirmed, KnownDocuments.of(active.index), most)
        policy = RetrievalPolicy.of(wanted, guard=parts.settings.answers.guard)
        reranking = Answering(parts).reranking
        samples = sampled(asked, active, policy, reranking, progress)
        reports, embedder = Reports(parts.store), active.embedder.fingerprint
        given = None if wanted.min_similarity == "auto" else wanted.min_similarity
        made = calibrated(samples, embedder, Floors(reports, given).of(embedder))
        if write and made.is_better:
            reports.put(Report(FLOOR, embedder, parts.store.now(), made.as_body()))
        return made
