"""A comparison as JSON, as rows of a table, as Markdown and as a picture. Pure; it holds no text of a question."""

from collections.abc import Sequence
from html import escape
from typing import Any

from ragloop.learning.comparing.comparison import Comparison, Difference, Figure, Line, Slice
from ragloop.learning.comparing.intervals import Interval
from ragloop.learning.comparing.scores import is_cost
from ragloop.markdown import bullets, number, paragraphs, table

_ROW, _LEFT, _WIDTH, _RIGHT = 26, 170, 420, 250
"""Pixels of the picture: a row, the names, the axis, the figures."""
_OF_SLICES = ("recall@5", "ndcg@10", "token_f1", "contains_answer", "citation_recall", "latency_ms")
"""What the table of slices shows of each; JSON and Markdown have everything."""
_COLOURS = {"a": "#b3541e", "b": "#1f6f54", "inconclusive": "#777777"}


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as one object: `a`, `b`, `difference` and `intervals` of all questions, and of slices."""
    return {
        **_slice(comparison.whole, comparison.a, comparison.b),
        "slices": {one.name: _slice(one, comparison.a, comparison.b) for one in comparison.slices[1:]},
        "left_out": list(comparison.left_out),
    }


def _slice(one: Slice, a: str, b: str | None) -> dict[str, Any]:
    lines = {line.measure: line for line in one.lines}
    paired = {name: line for name, line in lines.items() if line.b and line.difference}
    return {
        "questions": one.questions,
        "a": {"configuration": a, "measures": {name: _figure(line.a) for name, line in lines.items()}},
        "b": b
        if b is None
        else {"configuration": b, "measures": {name: _figure(line.b) for name, line in paired.items() if line.b}},
        "difference": {name: _told(line.difference) for name, line in paired.items() if line.difference},
        "intervals": {
            "a": {name: _ends(line.a.interval) for name, line in lines.items()},
            "b": {name: _ends(line.b.interval) for name, line in paired.items() if line.b},
            "difference": {name: _ends(line.difference.interval) for name, line in paired.items() if line.difference},
        },
    }


def _figure(one: Figure | None) -> dict[str, Any]:
    return {"mean": one.mean, "n": one.n, "nan": one.nan} if one else {}


def _told(one: Difference) -> dict[str, Any]:
    return {"mean": one.mean, "pairs": one.pairs, "better": one.better, "more_pairs": one.more_pairs}


def _ends(one: Interval | None) -> list[float] | None:
    return [one.low, one.high] if one else None


def rows(one: Slice) -> list[dict[str, Any]]:
    """Return the measures of a slice as rows of a table, figures with their intervals as text."""
    return [
        {
            "measure": line.measure.replace("_", " "),
            "a": _with_interval(line.a.mean, line.a.interval),
            "b": _with_interval(line.b.mean, line.b.interval) if line.b else None,
            "b - a": _with_interval(line.difference.mean, line.difference.interval) if line.difference else None,
            "better": verdict(line),
            "n": line.a.n if not line.b else f"{line.a.n}/{line.b.n}",
            "NaN": _missing(line),
        }
        for line in one.lines
    ]


def _missing(line: Line) -> str | None:
    counts = [line.a.nan, *([line.b.nan] if line.b else [])]
    return "/".join(map(str, counts)) if any(counts) else None


def _with_interval(mean: float | None, interval: Interval | None) -> str | None:
    if mean is None:
        return None
    ends = f" ({number(interval.low)} to {number(interval.high)})" if interval else ""
    return f"{number(mean)}{ends}"


def slice_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return a row for each slice: its questions, and of a few measures the difference, or with one configuration the
    mean."""
    return [
        {
            "slice": one.name,
            "questions": one.questions,
            **{line.measure.replace("_", " "): _drawn(line)[0] for line in one.lines if line.measure in _OF_SLICES},
        }
        for one in comparison.slices[1:]
    ]


def verdict(line: Line) -> str | None:
    """Say who is better in a measure, or about how many more pairs would decide, or that there is none."""
    if line.difference is None:
        return None
    if line.difference.mean is None:
        return f"{line.difference.better}, no question has both values"
    if line.difference.more_pairs:
        return f"{line.difference.better}, about {line.difference.more_pairs:,} more pairs would decide"
    return str(line.difference.better)


def as_markdown(comparison: Comparison, picture: str = "") -> str:
    """Return the comparison as a page: both configurations, what was left out, a table per slice.

    `picture` is the address of the picture, where there is one.
    """
    b = comparison.b
    sides = [f"a: {comparison.a or 'the settings'}", *([] if b is None else [f"b: {b or 'the settings'}"])]
    parts = [
        f"# {comparison.whole.questions:,} golden questions",
        bullets([*sides, *comparison.left_out]),
        f"![differences with their intervals]({picture})" if picture else "",
        "Intervals of 95 %. NaN counts questions that should have a value and have none.",
    ]
    for one in comparison.slices:
        columns = list(rows(one)[0]) if one.lines else ["measure"]
        used = [name for name in columns if name in ("measure", "n") or any(row[name] for row in rows(one))]
        parts += [
            f"## {one.name}: {one.questions:,}" if one.name else "",
            table(used, [[row[name] for name in used] for row in rows(one)]),
        ]
    return paragraphs(*parts) + "\n"


def as_svg(comparison: Comparison) -> str:
    """Draw each share as its difference between the ends of its interval, or with one configuration as its mean."""
    lines = [line for line in comparison.whole.lines if not is_cost(line.measure) and _drawn(line)[1]]
    paired = comparison.b is not None
    low, high = (-1.0, 1.0) if paired else (0.0, 1.0)
    height = _ROW * (len(lines) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + _RIGHT}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for mark in (low, (low + high) / 2, high):
        x = _x(mark, low, high)
        parts.append(f'<line x1="{x}" y1="{_ROW}" x2="{x}" y2="{height - _ROW}" stroke="#cccccc"/>')
        parts.append(f'<text x="{x}" y="{height - 8}" text-anchor="middle">{mark:g}</text>')
    what = f"b - a: {comparison.b or 'the settings'} against {comparison.a or 'the settings'}" if paired else "mean"
    parts.append(f'<text x="{_LEFT}" y="17" font-weight="bold">{escape(what)}</text>')
    for row, line in enumerate(lines):
        parts += _bar(line, _ROW * (row + 1) + 14, low, high)
    return "\n".join([*parts, "</svg>\n"])


def _drawn(line: Line) -> tuple[float | None, Interval | None]:
    shown = line.difference or line.a
    return shown.mean, shown.interval


def _bar(line: Line, y: int, low: float, high: float) -> Sequence[str]:
    mean, interval = _drawn(line)
    if mean is None or interval is None:
        return []
    colour = _COLOURS[str(line.difference.better) if line.difference else "b"]
    first, last = _x(interval.low, low, high), _x(interval.high, low, high)
    return [
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(line.measure.replace("_", " "))}</text>',
        f'<line x1="{first}" y1="{y}" x2="{last}" y2="{y}" stroke="{colour}" stroke-width="7" opacity="0.45"/>',
        f'<circle cx="{_x(mean, low, high)}" cy="{y}" r="5" fill="{colour}"/>',
        f'<text x="{_LEFT + _WIDTH + 20}" y="{y + 4}">{escape(_with_interval(mean, interval) or "")}</text>',
    ]


def _x(value: float, low: float, high: float) -> float:
    return round(_LEFT + _WIDTH * (value - low) / (high - low), 1)
