"""The figures of the year as tables, and as a plot."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scipy.stats import binomtest

from simulated_year.judging import quantile

Week = Mapping[str, Any]
COLOURS = {
    "cache without validation": "#d55e00",
    "fine-tuning on a cadence": "#999999",
    "ragloop": "#009e73",
    "RAG only": "#0072b2",
}
"""In the order in which lines are drawn. The last is dotted: where it lies on another, both are seen."""
_WIDTH, _HEIGHT, _LEFT, _TOP = 260, 150, 60, 50


def summary(weeks: Sequence[Week]) -> dict[str, Any]:
    """Add up the weeks: each policy over all of them, and over the last quarter of them."""
    last = weeks[-max(1, len(weeks) // 4) :]
    names = list(dict.fromkeys(name for one in weeks for name in one["policies"]))
    rang = Counter(name for one in weeks for name in one["drift"]["rang"])
    return {
        "weeks": len(weeks),
        "policies": {name: _added(weeks, name) for name in names},
        "last weeks": {name: _added(last, name) for name in names},
        "given again in other words than its wording would get": _sum(weeks, "given_again_in_other_words"),
        "why ragloop wrote": dict(sum((Counter(one["why_written"]) for one in weeks), Counter())),
        "planted": {name: sum(one["planted_said"].get(name, 0) for one in weeks) for name in names},
        "drift rang": dict(rang),
        "retrainings": [{"week": one["week"], **one["retrained"]} for one in weeks if one["retrained"]],
        "moves": sum(len(one["moves"]) for one in weeks),
        "facts that changed": _sum(weeks, "facts_changed"),
        "pages that changed": sum(one["sync"]["changed"] for one in weeks[1:]),
        "erasures": [one["erased"] for one in weeks if one["erased"]],
        "votes": dict(sum((Counter(one["votes"]) for one in weeks), Counter())),
    }


def _sum(weeks: Sequence[Week], name: str) -> int:
    return sum(one[name] for one in weeks)


def _added(weeks: Sequence[Week], name: str) -> dict[str, Any]:
    of = [one["policies"][name] for one in weeks if name in one["policies"]]
    asked, right = sum(one["asked"] for one in of), sum(one["right"] for one in of)
    lanes = sum((Counter(one["lanes"]) for one in of), Counter[str]())
    low, high = binomtest(right, asked).proportion_ci(method="wilson")
    tokens = sum(one["prompt_tokens"] + one["completion_tokens"] for one in of)
    return {
        "asked": asked,
        "accuracy": round(right / asked, 4),
        "from": round(low, 4),
        "to": round(high, 4),
        "stale": sum(one["stale"] for one in of),
        "wrong": sum(one["wrong"] for one in of),
        "abstained": sum(one["abstained"] for one in of),
        "tokens_per_answer": round(tokens / asked, 1),
        "cost_usd_per_1000": round(1000 * sum(one["cost_usd"] for one in of) / asked, 4),
        "p50_ms": quantile([one["p50_ms"] for one in of], 0.5),
        "p95_ms": quantile([one["p95_ms"] for one in of], 0.5),
        "lanes": {lane: round(count / asked, 4) for lane, count in lanes.items()},
    }


def as_markdown(found: Mapping[str, Any]) -> str:
    """Write the policies as a table, and the rest as lines."""
    heads = "asked accuracy from to stale wrong abstained tokens_per_answer cost_usd_per_1000 p50_ms p95_ms".split()
    lines = [f"| policy, {found['weeks']} weeks | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name, of in found["policies"].items():
        lines.append(f"| {name} | {' | '.join(str(of[head]) for head in heads)} |")
    rest = {name: of for name, of in found.items() if name not in ("weeks", "policies", "last weeks")}
    for name, of in found["policies"].items():
        rest[f"lanes of {name}"] = f"{of['lanes']}, in the last quarter {found['last weeks'][name]['lanes']}"
    return "\n".join([*lines, "", *(f"{name}: {of}" for name, of in rest.items())])


def as_svg(weeks: Sequence[Week]) -> str:
    """Draw accuracy, stale answers and tokens per answer of each policy, week by week."""

    def share(of: Mapping[str, Any]) -> float:
        return float(of["right"] / of["asked"])

    def stale(of: Mapping[str, Any]) -> float:
        return float(of["stale"] / of["asked"])

    def tokens(of: Mapping[str, Any]) -> float:
        return float((of["prompt_tokens"] + of["completion_tokens"]) / of["asked"])

    panels = (("share of right answers", share), ("share of stale answers", stale), ("tokens per answer", tokens))
    names = [name for name in COLOURS if name in weeks[-1]["policies"]]
    width = (_WIDTH + _LEFT) * len(panels) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT + _TOP + 40}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for at, name in enumerate(names):
        x = _LEFT + at * 190
        parts.append(f'<rect x="{x}" y="8" width="14" height="4" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 20}" y="15">{name}</text>')
    for at, (title, value) in enumerate(panels):
        series = {name: [value(one["policies"][name]) for one in weeks] for name in names}
        parts += _panel(title, series, at * (_WIDTH + _LEFT) + _LEFT)
    return "\n".join([*parts, "</svg>\n"])


def _panel(title: str, series: Mapping[str, Sequence[float]], left: int) -> list[str]:
    """Draw one panel: its frame, its scale from 0 to the largest value, and a line for each policy."""
    most = max(max(values) for values in series.values()) or 1.0
    count = len(next(iter(series.values())))
    bottom = _TOP + _HEIGHT
    parts = [f'<text x="{left}" y="{_TOP - 8}" font-weight="bold">{title}</text>']
    for share in (0, 0.5, 1):
        y = bottom - share * _HEIGHT
        parts.append(f'<line x1="{left}" y1="{y}" x2="{left + _WIDTH - 20}" y2="{y}" stroke="#dddddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{share * most:.3g}</text>')
    parts.append(f'<text x="{left}" y="{bottom + 18}">week 1</text>')
    parts.append(f'<text x="{left + _WIDTH - 20}" y="{bottom + 18}" text-anchor="end">{count}</text>')
    for name, values in series.items():
        step = (_WIDTH - 20) / max(1, count - 1)
        points = " ".join(f"{left + n * step:.1f},{bottom - one / most * _HEIGHT:.1f}" for n, one in enumerate(values))
        dots = ' stroke-dasharray="2 6"' if name == [*COLOURS][-1] else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"{dots}/>')
    return parts
