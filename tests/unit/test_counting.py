"""Tokens that are counted word by word are those that the tokenizer finds in the whole text."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, Whitespace

from ragloop.models.embedding import token_counts as counting
from ragloop.models.embedding.token_counts import TokenCounter

WORDS = [
    "[UNK]", "[MASK]", *string.ascii_lowercase, *string.digits, *".,-_[]'", "中", "文", "é", "ß", "over", "lap",
    *(f"##{one}" for one in string.ascii_lowercase + "é"), "##lap", "##ping",
]  # fmt: skip
# What parts words, what is removed, what is put together, what is longer than a word may be.
PIECES = [
    "overlap", "Overlapping", "it's", "e\u0301", "é", "İ", "ß", "中文", "\u1100\u1161", "\ufeff", "[MASK]", "[MA",
    "SK]", "\v", "\f", "\x1c", "\x00", "\x7f", "\x85", "\xa0", "\u2028", "\u200b", "\u0338", "=", "#", "…", "。",
    "\U0001f600", " ", "  ", "\t", "\n", "\r\n", "a" * 101,
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join)


@pytest.fixture(scope="module")
def bert() -> Tokenizer:
    tokenizer = Tokenizer(WordPiece({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    tokenizer.add_special_tokens(["[MASK]"])
    return tokenizer


@given(texts=st.lists(TEXTS, max_size=5))
def test_words_add_up_to_the_tokens_of_the_text(bert: Tokenizer, texts: list[str]) -> None:
    encodable = [text.encode("utf-8", "replace").decode() for text in texts]
    expected = [len(bert.encode(text, add_special_tokens=False).ids) for text in encodable]
    assert TokenCounter(bert)(encodable) == expected
    assert list(map(sum, map(TokenCounter(bert), [[text] for text in encodable]))) == expected


def test_forgetting_words_changes_no_count(bert: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["overlap lapping " * 3, "lap, over; 中文", "x" * 100]
    expected = TokenCounter(bert)(texts)
    monkeypatch.setattr(counting, "KNOWN_WORDS", 0)
    counter = TokenCounter(bert)
    assert [counter(texts) for _ in range(3)] == [expected] * 3


def test_a_tokenizer_of_another_kind_encodes_whole_texts() -> None:
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "it": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    assert TokenCounter(tokenizer)(["it's", "...", "it it"]) == [3, 1, 2]
