"""What an operator sees of drift, training and adapters; see tasks/reporting.py for what is never shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.client.schemas.objects import State
from prefect.states import Completed

from ragloop.markdown import bullets, moment, number, table
from ragloop.wording import counted
from tasks.pictures import drift_over_time, funnel, gate_intervals, loss_curve, scores_over_time
from tasks.reporting import MOST_ROWS, end, publish, run_link

if TYPE_CHECKING:
    from ragloop.learning.canary.watching import Watched
    from ragloop.learning.evaluation.gate import Verdict
    from ragloop.learning.evaluation.review import Review
    from ragloop.learning.evaluation.run import EvalReport
    from ragloop.learning.monitoring.windows import DriftMeasurement
    from ragloop.learning.steps.dataset import DatasetSummary
    from ragloop.learning.steps.promote import Promotion
    from ragloop.orchestrator.names import Names
    from ragloop.registry import Adapter, Rollback

# --- drift -----------------------------------------------------------------------------------------------------------


def publish_drift(names: "Names", measured: "DriftMeasurement", measurements: Sequence[Mapping[str, Any]]) -> None:
    """Publish every signal with its figures, the decision with its reasons, and the measurements before it."""
    columns = ("signal", "state", "asks for", "statistic", "threshold", "p", "questions before", "questions now")
    rows = [
        (
            one.name.replace("_", " "),
            one.state,
            one.action,
            one.statistic,
            one.threshold,
            one.p_value,
            one.n_reference,
            one.n_current,
        )
        for one in measured.report.signals
    ]
    picture, reasons = drift_over_time(measurements), bullets(measured.decision.reasons)
    publish(names, "drift-report", drift_summary(measured), reasons, picture, table(columns, rows))


def drift_summary(measured: "DriftMeasurement") -> str:
    """Say how many signals drifted, and whether training is due."""
    drifted, signals = measured.report.drifted, measured.report.signals
    due = "training is due" if measured.decision.due else "training is not due"
    return f"{len(drifted)} of {counted(len(signals), 'signal')} drifted, {due}"


def end_of_drift(measured: "DriftMeasurement") -> State[Any]:
    """End as completed: that something drifted is a result, not a failure."""
    summary = drift_summary(measured)
    return end(Completed(message=f"{summary}. {' '.join(measured.decision.reasons)}"), summary)


# --- retraining ------------------------------------------------------------------------------------------------------


def publish_dataset(names: "Names", dataset: "DatasetSummary", rung_by: str) -> None:
    """Publish how many rows there are, why answers of the log are not among them, and which run asked for it."""
    facts = {
        "dataset": dataset.dataset_id,
        "recipe": dataset.recipe,
        "rows": dataset.rows,
        "to train on": dataset.train,
        "held out": dataset.eval,
    }
    left_out = table(("left out", "answers"), dataset.funnel.items())
    picture = funnel(dataset.rows, dataset.funnel)
    rang = f"Started by what {run_link(rung_by, 'this run')} found." if rung_by else ""
    answers = dataset.rows + sum(dataset.funnel.values())
    rows = f"{counted(dataset.train, 'row')} to train on and {dataset.eval:,} held out"
    told = f"{rows}, of {counted(answers, 'logged answer')}"
    publish(names, "retrain-dataset", told, rang, table(("", ""), facts.items()), picture, left_out)


def publish_training(names: "Names", adapter_id: str, folder: Path) -> None:
    """Publish the loss curve, and what training cost."""
    from ragloop.models.training.process import read_result

    result = read_result(folder)
    facts = [
        ("rows", result.rows),
        ("tokens", result.tokens),
        ("tokens a second", result.tokens_per_s),
        ("seconds", result.training_seconds),
        ("CPU seconds", result.cpu_seconds),
        ("most memory (MB)", result.rss_peak_mb),
        *([("most memory on the GPU (MB)", result.gpu_peak_mb)] if result.gpu_peak_mb else []),
        (f"expected memory on {result.device} (MB)", result.memory_estimated_mb),
        ("gradient checkpointing", result.gradient_checkpointing),
        ("device", result.device or None),
        ("precision", result.precision or None),
        ("last loss", result.final_loss),
        ("seed", str(result.seed)),
    ]
    if result.kept_pass:
        facts += [
            ("held-out rows", result.held_out_rows),
            ("passes", len(result.held_out_losses)),
            ("pass that is kept", result.kept_pass),
            ("its loss on held-out rows", min(result.held_out_losses)),
        ]
    told = f"{adapter_id} trained on {counted(result.rows, 'row')} in {number(result.training_seconds)} seconds"
    publish(
        names, "retrain-training", told, loss_curve(result.loss_curve, result.held_out_curve), table(("", ""), facts)
    )


def publish_evaluation(names: "Names", adapter_id: str, report: "EvalReport") -> None:
    """Publish the mean scores of champion and candidate."""
    told = f"{adapter_id} and the champion answered the same questions: {_matched(report.metrics)}"
    publish(names, "retrain-scores", told, _scores_table(report.metrics))


def _scores_table(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a row for each measure and a column for each model: so many measures do not fit side by side."""
    measures = list(next(iter(scores.values())))
    rows = [(name.replace("_", " "), *(of[name] for of in scores.values())) for name in measures]
    return table(("mean of", *scores), rows)


def _matched(scores: Mapping[str, Mapping[str, Any]]) -> str:
    """Say the exact match of each model on the golden questions."""
    matched = {who: of.get("exact_match") for who, of in scores.items()}
    said = [f"{who} {number(match)}" for who, match in matched.items() if match is not None]
    return f"exact match {', '.join(said)}" if said else "no golden questions"


def publish_verdict(names: "Names", adapter_id: str, verdict: "Verdict") -> None:
    """Publish the criteria of the gate with their intervals, and the reasons."""
    picture, criteria = gate_intervals(verdict.criteria), criteria_table(verdict)
    publish(names, "retrain-gate", f"gate: {verdict.verdict} {adapter_id}", bullets(verdict.reasons), picture, criteria)


def criteria_table(verdict: "Verdict") -> str:
    """Return the criteria of the gate with their bounds; how many pairs would decide, where one is undecided."""
    undecided = any(one.needed_n is not None for one in verdict.criteria)
    columns = ("criterion", "state", "estimate", "from", "to", "threshold", "pairs", *["pairs needed"] * undecided)
    names = ("name", "state", "estimate", "low", "high", "threshold", "n", *["needed_n"] * undecided)
    return table(columns, ([getattr(one, name) for name in names] for one in verdict.criteria))


def end_of_retraining(adapter_id: str, ended: "Promotion", answered: str) -> State[Any]:
    """End as completed, whatever the verdict: to reject is what the gate is for. `answered` is what became of the
    question whether to promote; empty where nobody was asked."""
    verdict = ended.verdict
    message = f"{verdict.verdict}: adapter {adapter_id} was {ended.outcome}. {' '.join(verdict.reasons)}"
    return end(Completed(message=message), " · ".join(filter(None, [adapter_id, verdict.verdict, answered])))


def publish_review(names: "Names", review: "Review", reviews: Sequence[Mapping[str, Any]]) -> None:
    """Publish the scores of champion and base model, today and over time, and what the gate would say."""
    figures = _scores_table(review.scores)
    undo = "`roll-back`, a deployment, brings back the previous champion." if review.worse else ""
    reasons = bullets([*review.verdict.reasons, *review.notes])
    pictures = scores_over_time(reviews), gate_intervals(review.verdict.criteria)
    told = _in_short(review)
    publish(names, "champion-review", told, undo, reasons, *pictures, figures, lane=review.lane)


def _standing(review: "Review") -> str:
    if review.worse:
        return "no longer earns its place"
    return "holds its place" if review.confirmed else "can be neither confirmed nor rejected"


def _in_short(review: "Review") -> str:
    return f"{review.adapter_id} {_standing(review)} in {review.lane}"


def end_of_review(reviews: "Sequence[Review]") -> State[Any]:
    """End as completed: that a champion is worse than the base model is a result; an event reports it as well."""
    if not reviews:
        return end(Completed(message="the base model serves; there is no champion to evaluate"), "no champion")
    told = [f"{_in_short(one)}. {' '.join(one.verdict.reasons)}" for one in reviews]
    return end(Completed(message=" ".join(told)), ", ".join(map(_in_short, reviews)))


def publish_canary(names: "Names", watched: "Watched") -> None:
    """Publish what was counted on both sides of a canary, and what was decided."""
    tried, decision = watched.challenger, watched.decision
    told = f"canary of {tried.adapter_id} in {tried.lane} at {tried.now.share:g}: {watched.action}"
    columns = ("bad outcome", "challenger", "of", "champion", "of", "e-value worse", "e-value not worse")
    rows = [
        (
            one.measure, one.challenger_bad, one.challenger, one.champion_bad, one.champion,
            number(one.worse), number(one.not_worse),
        )
        for one in decision.measured
    ]  # fmt: skip
    reasons = [*([watched.trouble] if watched.trouble else []), *decision.reasons]
    publish(names, "canary-report", told, bullets(reasons), table(columns, rows), lane=tried.lane)


def publish_history(names: "Names", history: Sequence[Mapping[str, Any]]) -> None:
    """Publish every change of the champion, newest first."""
    newest_first = list(reversed(history))[:MOST_ROWS]
    if not newest_first:
        return
    rows = [
        (one["at"], one["kind"], one["adapter_id"] or "the base model", one["lane"], one["by"], one["reason"])
        for one in newest_first
    ]
    last = newest_first[0]
    serves = last["adapter_id"] or "the base model"
    by = f" by {last['by']}" if last["by"] else ""
    told = f"{serves} serves {last['lane']} since {moment(last['at'])} UTC{by}: {last['reason']}"
    publish(names, "champions", told, table(("since (UTC)", "", "who serves", "lane", "by", "why"), rows))


def end_of_promotion(adapter: "Adapter") -> State[Any]:
    """End as completed: the adapter serves."""
    return end(Completed(message=f"{adapter.adapter_id} is the champion"), "done")


def end_of_rollback(done: "Rollback") -> State[Any]:
    """End as completed, with who serves now and what was passed over; also where there was nothing to do any more."""
    serves = done.champion.adapter_id if done.champion else "the base model"
    if not done.changed:
        return end(Completed(message=f"{done.left} does not serve, {serves} does; nothing was changed"), "nothing done")
    message = f"{serves} serves; {done.left} is retired. {' '.join(done.skipped)}".strip()
    return end(Completed(message=message), f"to {serves}")
