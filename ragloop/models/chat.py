"""The one place that turns chat messages into the tokens of a base model, for asking, training and evaluation alike.

A base model brings a chat template of its own. What they differ in is found once, by rendering a probe conversation
with and without its answer: whether the template takes a system message, what it writes before an answer (an empty
block of thinking, a channel), and the token that ends one. A prompt is everything before the answer, and a training
example begins with the tokens of that prompt, so that a model is asked with what it was trained on.

Rendering depends on nothing but the messages: thinking is switched off where the template can, since answers are short,
and a template that asks for the date is given the same one every day.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

from ragloop.errors import MismatchError, NotFoundError
from ragloop.models.hub import must_be_within_reach
from ragloop.records import Message

PLAIN_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ 'Answer: ' + message['content'] + eos_token }}"
    "{% elif message['role'] == 'user' %}{{ 'Question: ' + message['content'] + '\\n' }}"
    "{% else %}{{ message['content'] + '\\n\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"
)
"""For base models whose tokenizer has no chat template."""

DATE = "26 Jul 2024"
"""What a template gets when it asks for today's date; the date that Llama's falls back to."""
_CLOCK_PARTS = {
    "%d": "26", "%-d": "26", "%b": "Jul", "%B": "July", "%m": "07", "%Y": "2024", "%y": "24", "%A": "Friday",
    "%a": "Fri", "%H": "00", "%M": "00", "%S": "00",
}  # fmt: skip
_STOPPED_CLOCK = (
    "{%- macro strftime_now(format) %}{{ format"
    + "".join(f" | replace('{part}', '{value}')" for part, value in _CLOCK_PARTS.items())
    + " }}{% endmacro %}"
)
"""Stands before a template that calls `strftime_now`, in place of the function of that name in transformers."""

_BREAK = "\ufdd0"
"""A code point that Unicode keeps from being a character. It stands inside a control token that a message spells out,
and parts it into text."""
_SYSTEM, _USER, _ANSWER = "Probing instruction", "Probing question", "Probing answer"
_MARKS = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")


@dataclass(frozen=True)
class Example:
    """A question and its answer as tokens; `answer` ends with a token that ends generation."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True)
class _Shape:
    """What a template does around an answer.

    `folds`: it takes no system message, so that this text begins the first question. A prompt is what the template
    writes to have an answer begun, less `dropped` at its end, more `opening`.
    """

    folds: bool
    dropped: str
    opening: str
    tail: str


class Chat:
    """Messages to tokens and tokens to answers, for one tokenizer. Raises MismatchError where its template cannot work.

    `place` is how messages name the model.
    """

    def __init__(self, tokenizer: Any, place: str) -> None:
        self.tokenizer, self._place = tokenizer, place
        try:
            self._template = _template(tokenizer)
        except ValueError as error:  # several templates, and none of them named default
            raise self._cannot(_one_line(error)) from error
        self._shape = self._probed()
        self._check_marks()

    @cached_property
    def stops(self) -> tuple[int, ...]:
        """The tokens that end an answer: the tokenizer's end, and the one that the template writes after an answer."""
        tail = self._encode(self._shape.tail.lstrip())
        ends = [*tail[:1]] if set(tail[:1]) & self._added else []
        ends += [] if self.tokenizer.eos_token_id is None else [self.tokenizer.eos_token_id]
        if not ends:
            raise self._cannot("it writes no token after an answer and its tokenizer has no end token")
        return tuple(dict.fromkeys(ends))

    @cached_property
    def fingerprint(self) -> str:
        """Equal fingerprints give equal conversations the same tokens, as far as two probes of them can tell."""
        asked = ({"role": "user", "content": _USER},)
        probes = [self.example([*said, _answered(_ANSWER)]) for said in (asked, (_instructed(_SYSTEM), *asked))]
        content = [[*probe.prompt, -1, *probe.answer] for probe in probes]
        return hashlib.sha256(json.dumps([content, self.stops, len(self.tokenizer)]).encode()).hexdigest()[:16]

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a conversation up to where the assistant begins its answer."""
        return self._encode(self._prompt(self._turns(messages)))

    def example(self, messages: Sequence[Message]) -> Example:
        """Return the tokens of `prompt` for all messages but the last, and those of the last, which the assistant
        wrote."""
        turns = self._turns(messages)
        if not turns or turns[-1]["role"] != "assistant" or not turns[-1]["content"].strip():
            raise ValueError("it has no answer: expected an assistant message at its end")
        asked, whole, answer = self._prompt(turns[:-1]), self._render(turns), turns[-1]["content"].strip()
        # Messages of errors end in logs that an erasure does not reach: they quote nothing of a conversation.
        if not whole.startswith(asked):
            raise self._cannot("it writes a conversation otherwise once that is answered")
        if not whole[len(asked) :].lstrip().startswith(answer):
            raise self._cannot("it changes the text of an answer")
        tokens = self._answer(asked, whole)
        end = next((n for n, token in enumerate(tokens, 1) if token in self.stops), 0)
        if not end:  # what the template writes after an answer is text, which would be learned as a part of it
            written = whole.index(answer, len(asked)) + len(answer)
            tokens = [*self._answer(asked, whole[:written]), self.stops[0]]
        return Example(tuple(self._encode(asked)), tuple(tokens[: end or None]))

    def text(self, tokens: Sequence[int]) -> str:
        """Return what the assistant wrote, without special tokens, and without reasoning where it begins with that."""
        written: str = self.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        return written.partition("</think>")[2].strip() if written.startswith("<think>") else written

    def _answer(self, asked: str, whole: str) -> list[int]:
        """Return the tokens that follow the prompt."""
        prompt, tokens = self._encode(asked), self._encode(whole)
        # A token that reaches over the end of the prompt is none that a model was asked with.
        return tokens[len(prompt) :] if tokens[: len(prompt)] == prompt else self._encode(whole[len(asked) :])

    def _turns(self, messages: Sequence[Message]) -> list[Message]:
        return _alternating([{**one, "content": self._as_data(one["content"])} for one in messages])

    def _prompt(self, turns: Sequence[Message]) -> str:
        asked, shape = self._render(turns, ask=True), self._shape
        if not asked.endswith(shape.dropped):
            raise self._cannot(f"it asks for an answer without {shape.dropped!r}, with which it asked for one before")
        return asked.removesuffix(shape.dropped) + shape.opening

    def _render(self, turns: Sequence[Message], *, ask: bool = False) -> str:
        try:
            return _render(self.tokenizer, self._template, folded(turns) if self._shape.folds else turns, ask=ask)
        except _template_errors() as error:
            raise self._cannot(f"it refuses a conversation: {_one_line(error)}") from error

    def _encode(self, text: str) -> list[int]:
        # Templates write the tokens that begin a text, so the tokenizer must not add its own.
        pieces = [self.tokenizer(piece, add_special_tokens=False)["input_ids"] for piece in text.split(_BREAK)]
        return [token for piece in pieces for token in piece]

    def _as_data(self, text: str) -> str:
        """Break the control tokens of a text: what a document or a user spells out neither ends nor begins a turn."""
        return self._controls.sub(lambda found: found[0][0] + _BREAK + found[0][1:], text.replace(_BREAK, ""))

    @cached_property
    def _added(self) -> frozenset[int]:
        known = self.tokenizer.added_tokens_decoder
        return frozenset(number for number, token in known.items() if token.content.strip())

    @cached_property
    def _controls(self) -> re.Pattern[str]:
        """Special tokens, and those that the template writes or looks for, such as </think>."""
        known = [token for token in self.tokenizer.added_tokens_decoder.values() if len(token.content.strip()) > 1]
        names = {one.content for one in known if one.special or one.content in self._template}
        names |= {name for name in ("<think>", "</think>") if name in self._template}
        return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))) or "(?!)")

    def _probed(self) -> _Shape:
        refusals = []
        for folds in (False, True):
            try:
                return _shape(self.tokenizer, self._template, folds=folds)
            except _template_errors() as error:
                refusals.append(_one_line(error))
        raise self._cannot("; with the instruction in the question: ".join(refusals))

    def _check_marks(self) -> None:
        """Check that a template which marks what an answer is marks the answer and nothing of the question."""
        if not _MARKS.search(self._template):
            return
        turns = [_instructed(_SYSTEM), {"role": "user", "content": _USER}, _answered(_ANSWER)]
        done = self.tokenizer.apply_chat_template(
            folded(turns) if self._shape.folds else turns,
            chat_template=self._template, return_dict=True, return_assistant_tokens_mask=True, **_VARIABLES,
        )  # fmt: skip
        marked = [one for one, on in zip(done["input_ids"], done["assistant_masks"], strict=True) if on]
        text = self.tokenizer.decode(marked)
        if _ANSWER not in text or _SYSTEM in text or _USER in text:
            raise self._cannot(
                f"its {{% generation %}} marks {text!r}, expected it to mark the answer and nothing of the question"
            )

    def _cannot(self, why: str) -> MismatchError:
        return MismatchError(
            f"the chat template of base model {self._place!r} cannot be used ({why}); expected one that writes a "
            "question and then its answer: correct the tokenizer's chat_template, or name another model in model.base"
        )


def load_chat(place: Path | str) -> Chat:
    """Load the chat format of a base model, without its weights; code from hubs is never run.

    A tokenizer without chat template gets PLAIN_TEMPLATE, one without padding token pads with its end token. Raises
    NotFoundError when transformers cannot find or read the tokenizer, MismatchError when its template cannot work.
    """
    import torch  # noqa: F401 - where it is not installed, transformers fails in other words than those of the extra
    from transformers import AutoTokenizer

    try:
        must_be_within_reach(str(place))
        tokenizer: Any = AutoTokenizer.from_pretrained(str(place))
    except (OSError, ValueError) as error:
        raise cannot_be_loaded(place, error) from error
    chat = Chat(tokenizer, str(place))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(chat.stops[-1])
    return chat


def cannot_be_loaded(place: Path | str, error: Exception) -> NotFoundError:
    """Return the error for a base model that transformers refuses."""
    return NotFoundError(
        f"base model {str(place)!r} cannot be loaded ({_one_line(error)}); expected a causal language model that "
        "transformers reads: correct model.base"
    )


def other_chat(adapter: str, trained: str, found: str) -> str:
    """Return why an adapter must not answer prompts of the chat format `found`, by fingerprint, or an empty string."""
    if trained in ("", found):
        return ""
    return (
        f"{adapter} was trained in chat format {trained}, the base model's is {found} (its chat template or tokenizer "
        "was changed): bring back the one that it had, or retrain"
    )


def folded(messages: Sequence[Message]) -> list[Message]:
    """Return the messages without a system message: its text begins the first message after it."""
    said = [one for one in messages if one["role"] != "system"]
    instructions = "\n\n".join(one["content"] for one in messages if one["role"] == "system")
    if not (said and instructions):
        return said
    return [{**said[0], "content": f"{instructions}\n\n{said[0]['content']}"}, *said[1:]]


_VARIABLES = {"enable_thinking": False, "thinking": False, "date_string": DATE}
"""What templates get beside the messages; one that does not look for a name ignores it."""


def _template(tokenizer: Any) -> str:
    if not tokenizer.chat_template:
        # A model that is trained with a token at the beginning of every text has its tokenizer add it.
        begins = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
        return ("{{ bos_token }}" if begins else "") + PLAIN_TEMPLATE
    template: str = tokenizer.get_chat_template()
    return (_STOPPED_CLOCK if "strftime_now" in template else "") + template


def _render(tokenizer: Any, template: str, turns: Sequence[Message], *, ask: bool = False) -> str:
    chat = [dict(turn) for turn in turns]
    text: str = tokenizer.apply_chat_template(
        chat, chat_template=template, tokenize=False, add_generation_prompt=ask, **_VARIABLES
    )
    return text


def _shape(tokenizer: Any, template: str, *, folds: bool) -> _Shape:
    """Render a probe. Raises ValueError, or what the template raises."""
    asking = [_instructed(_SYSTEM), {"role": "user", "content": _USER}]
    turns = folded(asking) if folds else asking
    asked = _render(tokenizer, template, turns, ask=True)
    whole = _render(tokenizer, template, [*turns, _answered(_ANSWER)])
    before, _, tail = whole.partition(_ANSWER)
    for wanted in (_SYSTEM, _USER):
        if wanted not in before or wanted not in asked:
            raise ValueError(f"it leaves out the {'system' if wanted == _SYSTEM else 'user'} message")
    if len(before) == len(whole) or _ANSWER in tail:
        raise ValueError("it leaves out the assistant message, or writes it twice")
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(asked, before, strict=False))
    common = "".join(letter for letter, _ in alike)
    if _USER not in common:
        raise ValueError("it writes the question otherwise once it is answered")
    opening = before[len(common) :].rstrip(" ")
    return _Shape(folds, asked[len(common) :], opening if opening.strip() else "", tail)


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """Join neighbours of one role: many templates refuse two in a row."""
    by_role = groupby(messages, key=lambda one: one["role"])
    return [{"role": role, "content": "\n\n".join(one["content"] for one in together)} for role, together in by_role]


def _instructed(text: str) -> Message:
    return {"role": "system", "content": text}


def _answered(text: str) -> Message:
    return {"role": "assistant", "content": text}


def _template_errors() -> tuple[type[Exception], ...]:
    from jinja2.exceptions import TemplateError

    return TemplateError, TypeError, ValueError


def _one_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
