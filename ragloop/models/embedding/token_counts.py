"""Counts the tokens of texts without encoding the same word twice.

A tokenizer of the BERT family parts a text at white space and around punctuation before anything else, and takes every
word by itself (Devlin et al., "BERT", 2018; the BertPreTokenizer of Hugging Face tokenizers). The count of a text is
then the sum over its words, most of which were counted before: a fifth of the time of encoding. Other tokenizers
encode each text as a whole.
"""

import json
import re
import string
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

KNOWN_WORDS = 200_000
"""Words whose counts are remembered, about 20 MB; when there are more, remembering starts again."""
_LONGEST = 64
"""Bytes of the longest word that is remembered: what is longer, such as a sentence in Chinese, hardly repeats."""

_PUNCTUATION = string.punctuation.encode()
_NOT_PUNCTUATION = bytes(set(range(256)) - set(_PUNCTUATION))
# bytes.split() also parts at vertical tab and form feed, which BERT removes as it does any other control character.
_TO_WORDS = bytes.maketrans(_PUNCTUATION + b"\v\f", b" " * len(_PUNCTUATION) + b"\1\1")


def encodable(texts: Sequence[str]) -> list[str]:
    """Return texts with a sign in the place of each lone surrogate.

    Broken JSON can leave one in a text; it has no form in UTF-8, and tokenizers refuse it.
    """
    return [text.encode("utf-8", "replace").decode("utf-8") for text in texts]


class TokenCounter:
    """Tokens per text, special tokens left out. The tokenizer must neither truncate nor pad."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self._tokenizer = tokenizer
        self._words = _Words(tokenizer)
        parts = json.loads(tokenizer.to_str())
        self._added = re.compile("|".join(re.escape(token["content"]) for token in parts["added_tokens"]) or "(?!)")
        kinds = [(parts[part] or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
        self._by_word = kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"]

    def __call__(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, in order. Texts must have a UTF-8 form."""
        if not self._by_word:
            return [len(one.ids) for one in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        if len(self._words) > KNOWN_WORDS:
            self._words.clear()
        return [self._count(text) for text in texts]

    def _count(self, text: str) -> int:
        if self._added.search(text):  # such as [MASK], which is one token
            return len(self._tokenizer.encode(text, add_special_tokens=False).ids)
        data = text.encode()
        words = data.translate(_TO_WORDS).split()
        return sum(map(self._words.__getitem__, words)) + len(data.translate(None, _NOT_PUNCTUATION))


class _Words(dict[bytes, int]):
    """Tokens per word, counted when it is first asked for."""

    def __init__(self, tokenizer: "Tokenizer") -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, word: bytes) -> int:
        count = len(self._tokenizer.encode(word.decode(), add_special_tokens=False).ids)
        if len(word) <= _LONGEST:
            self[word] = count
        return count
