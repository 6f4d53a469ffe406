"""False sentences made of the words of real passages, and true ones in another order and spelling."""

from collections import Counter
from pathlib import Path

import pytest
from false_sentences import measure

pytestmark = [pytest.mark.realdata, pytest.mark.timeout(600)]


@pytest.mark.long
def test_few_false_sentences_are_taken_for_what_a_passage_says_and_few_true_ones_are_not(realdata: Path) -> None:
    cases, said, by_share = Counter[str](), Counter[str](), Counter[str]()
    for kinds in measure(realdata).values():
        for kind, (count, now, share) in kinds.items():
            group = kind if "answer" in kind else kind.partition(":")[0]
            cases[group] += count
            said[group] += now
            by_share[group] += share
    print({kind: f"{said[kind]} of {cases[kind]}" for kind in cases})
    assert cases["false"] > 1_500
    assert said["false"] <= 0.02 * cases["false"]
    assert by_share["false"] > 0.95 * cases["false"], "the share of words alone tells nothing"
    assert said["true"] >= 0.98 * cases["true"]
    assert said["true: short answer"] >= 0.92 * cases["true: short answer"]
    assert said["false: answer to another question, with a number"] <= 0.5 * cases[
        "false: answer to another question, with a number"
    ]  # fmt: skip
