"""Pictures in artifacts, as Markdown images of `data:` addresses: the UI strips inline SVG.

They hold figures and names of signals, criteria and reasons, as the tables beside them do, and no text of a document.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from math import log
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

    from ragloop.corpus.sync.freshness import Freshness
    from ragloop.registry.evidence import Criterion

_BLUE, _GREEN, _RED, _GREY = "#1f6feb", "#1a7f37", "#cf222e", "#6e7781"
_STATE_COLOURS = {"pass": _GREEN, "ok": _GREEN, "fail": _RED, "drift": _RED}
_MOST_RUNS = 60
"""Points of a curve over time; older ones are in the reports."""


def loss_curve(points: Sequence[Mapping[str, float]], held_out: Sequence[Mapping[str, float]] = ()) -> str:
    """Draw the loss by step, and after each pass that of the held-out rows."""
    with _axes("loss by step", 3) as (axes, image):
        axes.plot([point["step"] for point in points], [point["loss"] for point in points], color=_BLUE, linewidth=1)
        axes.set(xlabel="step", ylabel="loss", ylim=(0, None))
        if held_out:
            steps = [point["step"] for point in held_out]
            axes.plot(
                steps, [point["loss"] for point in held_out], "o", color=_RED, label="held-out rows, after a pass"
            )
            axes.legend()
    return image[0]


def gate_intervals(criteria: "Sequence[Criterion]") -> str:
    """Draw each criterion as its estimate between its bounds, beside the threshold that the lower bound must reach."""
    measured = [one for one in reversed(criteria) if one.estimate is not None]
    if not measured:
        return ""
    with _axes("criteria of the gate with their intervals", 0.9 + 0.6 * len(measured)) as (axes, image):
        for row, one in enumerate(measured):
            _interval(axes, row, one)
        axes.set_yticks(range(len(measured)), [f"{one.name}\n{one.state}, n = {one.n}" for one in measured])
        axes.set(ylim=(-0.6, len(measured) - 0.4), xlabel="| estimate between its bounds, ▲ threshold")
        axes.grid(axis="y", visible=False)
    return image[0]


def _interval(axes: "Axes", row: int, one: "Criterion") -> None:
    if one.estimate is None or one.low is None or one.high is None:
        return
    colour = _STATE_COLOURS.get(one.state, _GREY)
    axes.plot([one.low, one.high], [row, row], color=colour, linewidth=7, solid_capstyle="butt", alpha=0.45)
    axes.plot([one.estimate], [row], marker="|", markersize=16, markeredgewidth=3, color=colour)
    axes.plot([one.threshold], [row - 0.3], marker="^", markersize=9, color="black")


def funnel(kept: int, left_out: Mapping[str, int]) -> str:
    """Draw what became of the answers of the log: those that are examples, and why the others are not."""
    bars = {"examples": kept, **{reason: count for reason, count in left_out.items() if count}}
    if not any(bars.values()):
        return ""
    with _axes("what became of the answers of the log", 0.8 + 0.34 * len(bars)) as (axes, image):
        names = list(reversed(bars))
        drawn = axes.barh(names, [bars[name] for name in names], color=[_GREY] * (len(names) - 1) + [_BLUE])
        axes.bar_label(drawn, fmt="{:,.0f}", padding=4)
        axes.set(xlabel="answers", xlim=(0, 1.12 * max(bars.values())))
        axes.grid(axis="y", visible=False)
    return image[0]


_FARTHEST = 3.0
"""Shares of the threshold that are drawn: beyond them nobody reads how far."""


def drift_over_time(measurements: Sequence[Mapping[str, Any]]) -> str:
    """Draw each measurement of a signal as a share of its threshold; at 1 and above it is drift."""
    curves = _shares_of_thresholds(measurements[-_MOST_RUNS:])
    if not curves:
        return ""
    with _axes("drift over time", 3.2) as (axes, image):
        for name, points in curves.items():
            times, shares = zip(*points, strict=True)
            axes.plot(times, shares, marker="o", markersize=4, linewidth=1.3, label=name)
        axes.axhline(1, color=_RED, linewidth=1.2, linestyle="--", label="threshold")
        axes.set(ylabel="share of the threshold", ylim=(0, None))
        _dates(axes, [at for points in curves.values() for at, _ in points])
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    return image[0]


def _shares_of_thresholds(measurements: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[datetime, float]]]:
    curves: dict[str, list[tuple[datetime, float]]] = {}
    for one in measurements:
        for signal in one["signals"]:
            if (share := share_of_threshold(signal)) is not None:
                curves.setdefault(signal["name"], []).append((datetime.fromisoformat(one["at"]), share))
    return curves


def share_of_threshold(signal: Mapping[str, Any]) -> float | None:
    """Return how near a signal is to drift, 1 and above being drift: of a test the logarithm of its p-value counts."""
    statistic, p_value, threshold = signal["statistic"], signal["p_value"], signal["threshold"]
    if statistic is None or not threshold:
        return None
    if p_value is None:
        return float(statistic / threshold)
    return min(_FARTHEST, log(max(p_value, 1e-300)) / log(threshold))


def scores_over_time(reviews: Sequence[Mapping[str, Any]]) -> str:
    """Draw scores of golden questions and of those elsewhere: the champion of each review beside the base model."""
    shown = [("exact_match", "golden questions, exact match", "-"), ("token_f1_elsewhere", "elsewhere, token F1", "--")]
    recent = reviews[-_MOST_RUNS:]
    with _axes("scores over time", 3.2) as (axes, image):
        for metric, meaning, style in shown:
            for who, colour in (("champion", _BLUE), ("base", _GREY)):
                points = [(datetime.fromisoformat(one["at"]), one["scores"][who][metric]) for one in recent]
                points = [(at, score) for at, score in points if score is not None]
                if points:
                    times, scores = zip(*points, strict=True)
                    axes.plot(times, scores, style, marker="o", markersize=4, color=colour, label=f"{who}: {meaning}")
        axes.set(ylabel="score", ylim=(-0.02, 1.02))
        _dates(axes, [datetime.fromisoformat(one["at"]) for one in recent])
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False, fontsize=9)
    return image[0]


def golden_over_time(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Draw the shares of golden questions of each comparison, with the settings as they were."""
    shown = {"recall@5": _BLUE, "contains_answer": _GREEN, "citation_recall": _GREY, "abstention_recall": _RED}
    curves = {name: _curve(comparisons[-_MOST_RUNS:], name) for name in shown}
    if not any(curves.values()):
        return ""
    with _axes("golden questions over time", 3.2) as (axes, image):
        for name, points in curves.items():
            if points:
                times, shares = zip(*points, strict=True)
                axes.plot(times, shares, marker="o", markersize=4, color=shown[name], label=name.replace("_", " "))
        axes.set(ylabel="share", ylim=(-0.02, 1.02))
        _dates(axes, [at for points in curves.values() for at, _ in points])
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    return image[0]


def _curve(comparisons: Sequence[Mapping[str, Any]], measure: str) -> list[tuple[datetime, float]]:
    found = [(datetime.fromisoformat(one["at"]), one["a"].get(measure)) for one in comparisons]
    return [(at, share) for at, share in found if share is not None]


def lag_histogram(freshness: "Freshness") -> str:
    """Draw how many documents of a sync had which lag, beside the objective."""
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    minutes = np.array(freshness.lags_s) / 60
    objective = freshness.objective_s / 60
    if not len(minutes):
        return ""
    with _axes("lag of the documents of this sync", 2.6) as (axes, image):
        axes.hist(minutes, bins=24, range=(0, 1.05 * max(objective, minutes.max())), color=_BLUE, edgecolor="white")
        axes.axvline(objective, color=_RED, linewidth=1.2, linestyle="--", label=f"objective, {objective:g} min")
        axes.set(xlabel="minutes from the change to the commit", ylabel="documents")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
    return image[0]


def _dates(axes: "Axes", times: Sequence[datetime]) -> None:
    """Show dates below; one moment alone stands in the middle of two days, not of four years."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=8)  # type: ignore[no-untyped-call]
    if min(times) == max(times):
        axes.set_xlim(times[0] - timedelta(days=1), times[0] + timedelta(days=1))  # type: ignore[arg-type]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


@contextmanager
def _axes(title: str, height: float) -> "Iterator[tuple[Axes, list[str]]]":
    """Yield axes to draw in, and a list that holds the image once the block has ended. Height in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure, drawn = Figure(figsize=(8, height), layout="constrained"), list[str]()
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    yield axes, drawn
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    drawn.append(f"![{title}](data:image/png;base64,{base64.b64encode(image.getvalue()).decode()})")
