"""What the rules on sentences that speak to a model need is in every sentence that has their form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragloop.language.planted import is_planted, planted_spans
from ragloop.language.spoken import RULES, Rule, possible

SENTENCES = st.one_of([st.from_regex(rule.form) for rule in RULES])


@pytest.mark.long
@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
@settings(max_examples=25)
@given(st.data())
def test_a_sentence_has_the_words_that_its_rule_needs(rule: Rule, data: st.DataObject) -> None:
    assert rule in possible(data.draw(st.from_regex(rule.form)))


@pytest.mark.long
@settings(max_examples=50)
@given(st.text(max_size=30), SENTENCES, st.text(max_size=30))
def test_what_one_sentence_says_is_found_wherever_it_stands(before: str, sentence: str, after: str) -> None:
    line = " ".join(sentence.split())
    text = f"{before}\n\n{line}\n\n{after}"
    assert bool(planted_spans(text)) or not any(map(is_planted, text.splitlines()))
