"""What a month would cost with more or fewer questions is drawn where the costs were measured."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

from ragloop.migration.costs.break_even import BreakEven
from ragloop.migration.costs.what_if import as_svg

CLOSED = BreakEven(
    "closed-book",
    "base+rag",
    questions=10_000,
    answer_usd=0.002,
    against_usd=0.012,
    training_usd=50.0,
    retrainings_per_month=2.0,
    asked_per_month=40_000,
)
SVG = "{http://www.w3.org/2000/svg}"


def lines(drawn: str) -> dict[str, list[tuple[float, float]]]:
    root = ET.fromstring(drawn)
    names = [one.text or "" for one in root.iter(f"{SVG}text") if one.get("fill")]
    points = [
        [tuple(map(float, at.split(","))) for at in one.get("points", "").split()]
        for one in root.iter(f"{SVG}polyline")
    ]
    return dict(zip(names, points, strict=True))


def test_the_lines_cross_where_the_lane_becomes_cheaper() -> None:
    found = lines(as_svg([CLOSED]))
    assert list(found) == ["base+rag", "closed-book"]
    differences = [a[1] - b[1] for a, b in zip(found["base+rag"], found["closed-book"], strict=True)]
    assert differences[0] > 0 > differences[-1]  # pixels count downwards: base+rag is cheaper at first
    nearest = min(zip(found["base+rag"], differences, strict=True), key=lambda pair: abs(pair[1]))[0][0]
    share = (nearest - found["base+rag"][0][0]) / (found["base+rag"][-1][0] - found["base+rag"][0][0])
    assert abs(share - 1 / 3) < 0.02  # 10,000 between 1,000 and 1,000,000


def test_labels_have_room_however_many_questions_it_takes() -> None:
    many = replace(CLOSED, questions=5e13, asked_per_month=0.0, retrainings_per_month=0.0)
    below = [one for one in ET.fromstring(as_svg([many])).iter(f"{SVG}text") if one.get("y") == "358"]
    places = [float(one.get("x", "")) for one in below]
    assert len(below) <= 8
    assert min(b - a for a, b in pairwise(places)) > 50
    assert max(len(one.text or "") for one in below) <= 7


def test_nothing_is_drawn_of_what_was_not_measured() -> None:
    assert as_svg([BreakEven("closed-book", "base+rag", why_not="no training was measured in the window")]) == ""
    assert as_svg([]) == ""


def test_a_lane_without_a_turning_point_is_drawn_beside_base_rag() -> None:
    dear = BreakEven("adapter+rag", "base+rag", None, answer_usd=0.03, against_usd=0.01, asked_per_month=5)
    found = lines(as_svg([dear]))
    assert all(a[1] >= b[1] for a, b in zip(found["base+rag"], found["adapter+rag"], strict=True))
