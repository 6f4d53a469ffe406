"""What a month would cost with more or fewer questions, drawn for each lane. Pure."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from ragloop.migration.costs.arithmetic import Plan
from ragloop.migration.costs.break_even import BreakEven

_LEFT, _TOP, _WIDTH, _HEIGHT, _RIGHT, _BOTTOM = 80, 40, 520, 300, 130, 50
"""Pixels of the picture: the area of the lines and what stands around it."""
_COLOURS = ("#777777", "#1f6f54", "#b3541e")
_AROUND = 10.0
"""How far the axis reaches beyond what is asked and where a lane turns, as a factor."""
_MOST_MARKS = 8


def as_svg(turns: Sequence[BreakEven]) -> str:
    """Draw what a month costs by its number of questions, for base+rag and each lane that was measured, on logarithmic
    axes: at today's rate of retrainings, with today's questions marked. Empty where no lane was measured.
    """
    known = [one for one in turns if not one.why_not and (one.against_usd or 0) > 0]
    if not known:
        return ""
    plans = _plans(known)
    marks = [one.asked_per_month for one in known] + [one.questions for one in known if one.questions]
    asked = _Axis(max(1.0, min(marks) / _AROUND), max(1.0, *marks) * _AROUND, _LEFT, _WIDTH)
    ends = [plan.usd(at, rate) for plan, rate in plans.values() for at in (asked.low, asked.high)]
    usd = _Axis(max(min(ends), max(ends) / 1e6), max(ends), _TOP + _HEIGHT, -_HEIGHT)
    parts = [*_frame(asked, usd), *_today(known[0].asked_per_month, asked)]
    for (name, (plan, rate)), colour in zip(plans.items(), _COLOURS, strict=False):
        parts += _line(name, plan, rate, colour, asked, usd)
    return "\n".join([*parts, "</svg>\n"])


def _plans(known: Sequence[BreakEven]) -> dict[str, tuple[Plan, float]]:
    """Return how each lane is paid for, and its retrainings a month."""
    lanes = {
        one.lane: (Plan(question_usd=one.answer_usd or 0, update_usd=one.training_usd or 0), one.retrainings_per_month)
        for one in known
    }
    return {known[0].against: (Plan(question_usd=known[0].against_usd or 0), 0.0), **lanes}


class _Axis:
    """A logarithmic axis from `low` to `high`, whole powers of ten, laid over `length` pixels from `start` on."""

    def __init__(self, low: float, high: float, start: float, length: float) -> None:
        self._first, last = floor(log10(low)), ceil(log10(high))
        self._decades = max(1, last - self._first)
        self._start, self._length = start, length

    @property
    def low(self) -> float:
        """The value where the axis begins."""
        return float(10**self._first)

    @property
    def high(self) -> float:
        """The value where the axis ends."""
        return float(10 ** (self._first + self._decades))

    @property
    def marks(self) -> list[float]:
        """The powers of ten on the axis, at most as many as have room for their labels."""
        return [10.0 ** (self._first + n) for n in range(0, self._decades + 1, 1 + self._decades // _MOST_MARKS)]

    def at(self, value: float) -> float:
        """Return the pixel of a value; what lies beyond an end stands at that end."""
        share = (log10(max(value, self.low)) - self._first) / self._decades
        return round(self._start + self._length * min(share, 1.0), 1)


def _frame(asked: _Axis, usd: _Axis) -> list[str]:
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="18" font-weight="bold">US dollars a month, trainings included</text>',
        f'<text x="{_LEFT + _WIDTH / 2}" y="{height - 10}" text-anchor="middle">questions a month</text>',
    ]
    for mark in asked.marks:
        x = asked.at(mark)
        parts.append(f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{_TOP + _HEIGHT}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{_shown(mark)}</text>')
    for mark in usd.marks:
        y = usd.at(mark)
        parts.append(f'<line x1="{_LEFT}" y1="{y}" x2="{_LEFT + _WIDTH}" y2="{y}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{_shown(mark)}</text>')
    return parts


def _shown(mark: float) -> str:
    return f"{mark:,.0f}" if 1 <= mark < 1e6 else f"{mark:g}"


def _today(questions: float, asked: _Axis) -> list[str]:
    x = asked.at(questions)
    return [
        f'<line x1="{x}" y1="{_TOP}" x2="{x}" y2="{_TOP + _HEIGHT}" stroke="#333333" stroke-dasharray="4 3"/>',
        f'<text x="{x}" y="{_TOP - 6}" text-anchor="middle">today: {questions:,.0f}</text>',
    ]


_STEPS = 60


def _line(name: str, plan: Plan, retrainings: float, colour: str, asked: _Axis, usd: _Axis) -> list[str]:
    decades = log10(asked.high / asked.low)
    amounts = [asked.low * 10 ** (decades * step / _STEPS) for step in range(_STEPS + 1)]
    points = [(asked.at(one), usd.at(plan.usd(one, retrainings))) for one in amounts]
    drawn = " ".join(f"{x},{y}" for x, y in points)
    x, y = points[-1]
    return [
        f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2.5"/>',
        f'<text x="{x + 8}" y="{y + 4}" fill="{colour}">{escape(name)}</text>',
    ]
