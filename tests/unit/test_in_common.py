"""The script of a text, and the means that are taken out of its vector."""

import string
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from ragloop.models import Vectors
from ragloop.models.embedding.in_common import FEWEST_WORDS, SAMPLES, Common, script_of

LATIN = ["".join(one) for one in product("abcdef", repeat=3)]
CYRILLIC = ["".join(one) for one in product("абвгде", repeat=3)]
HAN = ["".join(one) for one in product("北京人民中國水山火木日月", repeat=2)]
GREEK = ["".join(one) for one in product("αβγ", repeat=4)]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("How do I pause a deployment?", "LATIN"),
        ("Wie hält man eine Übung an?", "LATIN"),
        ("Как остановить развёртывание Kubernetes?", "CYRILLIC"),
        ("如何暂停 Kubernetes 部署?", "HAN"),
        ("デプロイを止めるには?", "KANA"),
        ("배포를 멈추려면?", "HANGUL"),
        ("كيف أوقف النشر؟", "ARABIC"),
        ("จะหยุดการปรับใช้ได้อย่างไร", "THAI"),
        ("404 → 500", ""),
        ("", "LATIN"),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, script: str) -> None:
    assert script_of(text) == script


def test_only_the_beginning_of_a_text_is_looked_at() -> None:
    assert script_of("Текст " * 100 + "text " * 10_000) == "CYRILLIC"


class Counted:
    """Embeds a text as how many of its characters are of which script, and keeps it."""

    def __init__(self, first: float) -> None:
        self.first, self.texts = first, list[str]()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.texts.extend(texts)
        found = [
            [self.first, *(sum(one in held for one in text) for held in (string.ascii_letters, "абвгде", "北京人"))]
            for text in texts
        ]
        return np.array(found, np.float32)


@pytest.fixture
def measured() -> tuple[Common, Counted, Counted]:
    questions, passages = Counted(1), Counted(2)
    return (
        Common.measured([*LATIN, *CYRILLIC, *HAN, *GREEK[: FEWEST_WORDS - 1]], questions, passages),
        questions,
        passages,
    )


def test_means_are_those_of_the_scripts_that_the_vocabulary_has_words_of(
    measured: tuple[Common, Counted, Counted],
) -> None:
    common, questions, passages = measured
    assert common.scripts == ("CYRILLIC", "HAN", "LATIN")
    assert len(questions.texts) == len(passages.texts) == 3 * SAMPLES
    assert all(one.endswith("?") for one in questions.texts)
    cyrillic, han, latin, all_scripts = common.questions
    assert latin.tolist() == [1, 24, 0, 0]
    assert cyrillic.tolist() == [1, 0, 24, 0]
    assert han[0] == 1
    assert han[1:3].tolist() == [0, 0]
    np.testing.assert_allclose(all_scripts, (cyrillic + han + latin) / 3, rtol=1e-6)
    assert common.passages[2].tolist() == [2, 72, 0, 0]


def test_words_of_scripts_without_spaces_are_joined_without(measured: tuple[Common, Counted, Counted]) -> None:
    _, _, passages = measured
    assert all((" " in one) != (script_of(one) == "HAN") for one in passages.texts)


def test_measuring_again_gives_the_same(measured: tuple[Common, Counted, Counted]) -> None:
    common, *_ = measured
    again = Common.measured([*HAN, *LATIN, *CYRILLIC], Counted(1), Counted(2))
    np.testing.assert_array_equal(again.questions, common.questions)
    np.testing.assert_array_equal(again.passages, common.passages)


def test_a_text_of_another_script_gets_the_mean_of_all(measured: tuple[Common, Counted, Counted]) -> None:
    common, *_ = measured
    assert common.rows(["plain", "Текст", "水山", "ελληνικά", "404"]) == [2, 0, 1, 3, 2]


def test_it_is_read_as_it_was_written(measured: tuple[Common, Counted, Counted], tmp_path: Path) -> None:
    common, *_ = measured
    assert Common.read(tmp_path) is None
    common.write(tmp_path)
    read = Common.read(tmp_path)
    assert read is not None
    assert read.scripts == common.scripts
    np.testing.assert_array_equal(read.passages, common.passages)
    np.testing.assert_array_equal(read.questions, common.questions)
