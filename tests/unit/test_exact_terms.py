"""Terms that are found as they stand: identifiers, error codes, versions, numbers, quoted phrases."""

import pytest

from ragloop.language.exact import ExactTerm, TermKind, exact_terms, stands_in


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("What does ERR_7719 mean?", ["ERR_7719"]),
        ("Is 1,048,576 the most?", ["1,048,576"]),
        ("What is new in 3.0.0-rc.2?", ["3.0.0-rc.2"]),
        ("How do I link C++ with .NET?", ["C++", ".NET"]),
        ('Where does "quiet hours" apply?', ["quiet hours"]),
        ("Does GitHub's API use max_retries or --dry-run?", ["GitHub", "max_retries", "--dry-run"]),
        ("Which plan has 50 seats and/or a 2nd owner, e.g. in the U.S.?", ["50"]),
        ("How do bees live?", []),
        ("将SR99提升到州际标准的是什么？", ["SR99"]),
        ("到1991年森林消失了多少平方公里？", ["1991"]),
        ("在任务AS-278期间,v1.2.3的宇航员穿什么?", ["AS-278", "v1.2.3"]),
        ("numpy2.0のリリースはいつですか", ["numpy2.0"]),
        ("왜 ERR_7719의 뜻은?", ["ERR_7719"]),
        ("ต้องติดตั้งnumpy2.0อย่างไร", ["numpy2.0"]),
        ("بين سنتي 1995 و2000؟", ["1995", "2000"]),
        ("什么是败血症？", []),
    ],
)
def test_a_question_has_the_terms_that_no_dictionary_has(question: str, terms: list[str]) -> None:
    assert [one.text for one in exact_terms(question)] == terms


@pytest.mark.parametrize(
    ("term", "kind", "text", "stands"),
    [
        ("v1.2.3", TermKind.VERSION, "Released as v1.2.30.", False),
        ("v1.2.3", TermKind.VERSION, "Released as 1.2.3.", True),
        ("4.2", TermKind.VERSION, "Since 4.2.1 it waits.", True),
        ("4.2", TermKind.VERSION, "In 14.2 and 2.4.2 it does not.", False),
        ("2.0.0", TermKind.VERSION, "The candidate 2.0.0-rc.1 is out.", False),
        ("2.0.0-rc.1", TermKind.VERSION, "The candidate 2.0.0-rc.1 is out.", True),
        ("1048576", TermKind.NUMBER, "At most 1,048,576 bytes.", True),
        ("50", TermKind.NUMBER, "It costs 2.50 a seat.", False),
        ("50", TermKind.NUMBER, "| Team | 50 | 12 |", True),
        ("max_size", TermKind.IDENTIFIER, "Set max_size_mb to 3.", False),
        ("err_7719", TermKind.IDENTIFIER, "ERR_7719: the lease is lost", True),
        ("C++", TermKind.IDENTIFIER, "It is written in C++.", True),
        ("SR99", TermKind.IDENTIFIER, "因此SR99提升了", True),
        ("SR9", TermKind.IDENTIFIER, "因此SR99提升了", False),
        ("1991", TermKind.NUMBER, "到1991年", True),
        ("1.2", TermKind.VERSION, "请安装1.2版", True),
    ],
)
def test_a_term_stands_whole_or_not_at_all(term: str, kind: TermKind, text: str, stands: bool) -> None:
    assert stands_in(ExactTerm(term, kind), text) is stands
