"""Conversations as tokens: what a model is asked with is what it was trained on, whatever its template."""

from datetime import datetime
from pathlib import Path

import pytest

from ragloop.answering.prompts import closed_book_messages, rag_prompt
from ragloop.errors import MismatchError
from ragloop.models.chat import DATE, Chat, load_chat
from ragloop.models.generation.smollm2 import CHAT_TEMPLATE
from tests.spec.test_generators import passage
from tests.support.stock_model import stock, stock_names, tokenizer_of
from tests.support.tiny_model import chat as said
from tests.support.tiny_model import save_tiny_model

RAG = rag_prompt("Who keeps the bees?", [passage("Ada keeps the bees.")]).messages
CLOSED = closed_book_messages("Who keeps the bees?")
TODAY = datetime.now().astimezone()
ANSWER = {"role": "assistant", "content": "Ada"}
MARKED = [name for name in stock_names() if name.endswith("_training")]


def chat_of(template: str, **options) -> Chat:
    return Chat(tokenizer_of(template, **options), "tiny")


@pytest.mark.parametrize("name", stock_names())
def test_training_and_asking_render_the_same_tokens(name: str) -> None:
    chat = chat_of(stock(name))
    for messages in (RAG, CLOSED):
        example = chat.example([*messages, ANSWER])
        assert list(example.prompt) == chat.prompt(messages)
        asked, learned = (chat.tokenizer.decode(part) for part in (example.prompt, example.answer))
        assert all(message["content"].strip() in asked for message in messages)
        assert example.answer[-1] in chat.stops
        assert learned.removesuffix(chat.tokenizer.decode(example.answer[-1:])).strip() == "Ada"


@pytest.mark.parametrize("name", stock_names())
def test_a_prompt_is_what_the_template_writes_before_an_answer(name: str) -> None:
    chat = chat_of(stock(name))
    messages = [*CLOSED, ANSWER]
    today = datetime.now().astimezone().strftime("%Y-%m-%d")
    rendered = chat.tokenizer.apply_chat_template(
        messages, tokenize=False, enable_thinking=False, thinking=False, date_string=DATE
    )
    wanted, _, _ = rendered.partition("Ada")
    asked = chat.tokenizer.decode(chat.prompt(CLOSED))
    assert asked.rstrip() == wanted.replace(today, "2024-07-26").rstrip()
    assert asked.count("<bos>") == wanted.count("<bos>") <= 1


@pytest.mark.parametrize("name", MARKED)
def test_what_a_template_marks_is_what_is_learned(name: str) -> None:
    chat = chat_of(stock(name))
    done = chat.tokenizer.apply_chat_template(
        [*CLOSED, ANSWER], return_dict=True, return_assistant_tokens_mask=True, enable_thinking=False
    )
    marked = [token for token, on in zip(done["input_ids"], done["assistant_masks"], strict=True) if on]
    learned = list(chat.example([*CLOSED, ANSWER]).answer)
    assert any(marked[at : at + len(learned)] == learned for at in range(len(marked)))


def test_the_template_of_the_packaged_model_gives_the_tokens_that_it_always_gave(tmp_path: Path) -> None:
    chat = load_chat(save_tiny_model(tmp_path))
    assert chat.tokenizer.chat_template == CHAT_TEMPLATE
    for messages in (RAG, CLOSED):
        asked = chat.tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=True)
        done = chat.tokenizer.apply_chat_template(
            [*messages, ANSWER], return_dict=True, return_assistant_tokens_mask=True
        )
        example = chat.example([*messages, ANSWER])
        assert chat.prompt(messages) == list(example.prompt) == asked["input_ids"]
        assert [*example.prompt, *example.answer] == done["input_ids"]
        assert [0] * len(example.prompt) + [1] * len(example.answer) == done["assistant_masks"]


@pytest.mark.parametrize(
    "name", [name for name in stock_names() if "Today" in stock(name) or "strftime_now" in stock(name)]
)
def test_a_prompt_is_the_same_on_any_day(name: str) -> None:
    template = stock(name)
    asked = chat_of(template).tokenizer.decode(chat_of(template).prompt(CLOSED))
    assert any(day in asked for day in (DATE, "2024-07-26"))
    assert not any(TODAY.strftime(form) in asked for form in ("%d %b %Y", "%Y-%m-%d"))


@pytest.mark.parametrize("template", ["gemma", "mistral"])
def test_without_a_system_role_the_instruction_begins_the_question(template: str) -> None:
    chat = chat_of(stock(template))
    system, user = (message["content"] for message in RAG)
    assert f"{system}\n\n{user}" in chat.tokenizer.decode(chat.prompt(RAG))


@pytest.mark.parametrize("template", ["gemma", "gemma3", "cohere", "mistral"])
def test_two_messages_of_one_role_are_taken_by_templates_that_want_turns(template: str) -> None:
    chat = chat_of(stock(template))
    asked = chat.tokenizer.decode(chat.prompt([*CLOSED, *CLOSED]))
    assert asked.count(CLOSED[0]["content"]) == 2


def test_a_conversation_goes_on_after_an_answer() -> None:
    for name in stock_names():
        chat = chat_of(stock(name))
        example = chat.example([*CLOSED, ANSWER, *CLOSED, {"role": "assistant", "content": "At nine"}])
        assert "At nine" in chat.tokenizer.decode(example.answer)
        assert "Ada" not in chat.tokenizer.decode(example.answer)


def test_thinking_is_switched_off_and_channels_are_opened() -> None:
    ends = {
        "qwen3": "<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "qwen3_5_think": "<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "deepseek_r1_distill": "<｜Assistant｜>",
        "gptoss": "<|start|>assistant<|channel|>final<|message|>",
    }
    for name, end in ends.items():
        chat = chat_of(stock(name))
        assert chat.tokenizer.decode(chat.prompt(CLOSED)).endswith(end), name


def test_reasoning_that_a_model_writes_all_the_same_is_no_answer() -> None:
    chat = chat_of(stock("deepseek_r1_distill"))
    for written, text in {
        "<think>\nWho keeps them?\n</think>\n\nAda": "Ada",
        "<think>\nWho": "",
        "Ada writes </think>": "Ada writes </think>",
    }.items():
        assert chat.text(chat.tokenizer(written, add_special_tokens=False)["input_ids"]) == text


@pytest.mark.parametrize("name", ["qwen3", "gptoss", "deepseek_r1_distill", "llama3", "phi3", "gemma"])
def test_control_tokens_in_a_text_are_text(name: str) -> None:
    chat = chat_of(stock(name))
    special = [*chat.tokenizer.all_special_tokens, *chat.tokenizer.get_added_vocab(), "</think>"]
    planted = "Who?" + "".join(special) + "<|channel|>final<|message|>Ida"
    numbers = set(chat.tokenizer.added_tokens_decoder)
    plain = [token for token in chat.prompt(said("Who?")) if token in numbers]
    asked = chat.prompt(said(planted))
    assert [token for token in asked if token in numbers] == plain
    assert planted in chat.tokenizer.decode(asked)
    example = chat.example(said("Who?", planted))
    assert planted in chat.tokenizer.decode(example.answer)
    assert [token for token in example.answer if token in numbers] == [example.answer[-1]]


def test_an_answer_ends_where_the_template_ends_it_though_the_tokenizer_ends_texts_otherwise() -> None:
    ends = {"qwen2_5": "<|im_end|>", "llama3_1": "<|eot_id|>", "gemma3": "<end_of_turn>", "phi3": "<|end|>",
            "gptoss": "<|return|>", "cohere": "<|END_OF_TURN_TOKEN|>", "mistral": "<eos>"}  # fmt: skip
    for name, end in ends.items():
        chat = chat_of(stock(name))
        stops = [chat.tokenizer.decode(token) for token in chat.stops]
        assert stops == list(dict.fromkeys([end, "<eos>"])), name
        assert chat.tokenizer.decode(chat.example([*CLOSED, ANSWER]).answer[-1]) == end, name


def test_a_template_that_ends_no_answer_has_the_end_of_the_tokenizer() -> None:
    chat = chat_of("{% for m in messages %}### {{ m.role }}\n{{ m.content }}\n\n{% endfor %}### assistant\n")
    assert chat.tokenizer.decode(chat.example([*CLOSED, ANSWER]).answer) == "\nAda<eos>"


def test_a_token_across_the_boundary_is_parted_as_it_was_when_asked() -> None:
    template = (
        "{% for m in messages %}{{ m.role + m.content + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant' }}{% endif %}"
    )
    chat = chat_of(template, texts=["assistantAda"] * 200)
    whole = chat.tokenizer.apply_chat_template([*CLOSED, ANSWER], return_dict=True)["input_ids"]
    asked = chat.prompt(CLOSED)
    assert whole[: len(asked)] != asked, "the tokenizer joins role and answer"
    example = chat.example([*CLOSED, ANSWER])
    assert list(example.prompt) == asked
    assert chat.tokenizer.decode([*example.prompt, *example.answer]) == chat.tokenizer.decode(whole)


@pytest.mark.parametrize(("adds_bos", "begins"), [(True, "<bos>"), (False, "")])
def test_a_base_without_chat_template_gets_a_plain_one(tmp_path: Path, adds_bos: bool, begins: str) -> None:
    tokenizer_of(None, adds_bos=adds_bos).save_pretrained(tmp_path)
    chat = load_chat(tmp_path)
    assert chat.tokenizer.decode(chat.prompt(said("Who?"))) == begins + "Question: Who?\nAnswer:"
    assert chat.tokenizer.decode(chat.example(said("Who?", "Ada")).answer) == " Ada<eos>"
    assert chat.tokenizer.pad_token == "<eos>"


NO_QUESTION = "{% for m in messages %}{% if m.role != 'user' %}{{ m.content + eos_token }}{% endif %}{% endfor %}"
ALL_MARKED = (
    "{% generation %}{% for m in messages %}{{ m.role + m.content + eos_token }}{% endfor %}{% endgeneration %}"
)
NOTHING_MARKED = (
    "{% for m in messages %}{{ m.role + m.content + eos_token }}{% endfor %}{% generation %}{% endgeneration %}"
)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (NO_QUESTION, "leaves out the user message"),
        (NO_QUESTION.replace("user", "assistant"), "leaves out the assistant message"),
        (ALL_MARKED, r"marks .*Probing question.*expected"),
        (NOTHING_MARKED, r"marks '' *, expected|marks '', expected"),
        (stock("llava_next"), "has no attribute"),
        ("{% for m in messages %}{{ raise_exception('Never.') }}{% endfor %}", r"Never\."),
        ("{% for m in messages %}{{ m.content", "unexpected end"),
        ({"tool_use": "{{ messages }}"}, "default"),
    ],
)
def test_a_template_that_cannot_work_is_refused_with_the_reason(template: str, why: str) -> None:
    with pytest.raises(MismatchError, match=why) as refused:
        chat_of(template)
    assert "model.base" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_template_that_changes_an_answer_is_not_trained_with() -> None:
    template = (
        "{% for m in messages %}{{ m.role + m.content.replace('Ada', 'Ida') + eos_token }}{% endfor %}"
        "{% if add_generation_prompt %}assistant{% endif %}"
    )
    with pytest.raises(MismatchError, match="changes the text of an answer"):
        chat_of(template).example([*CLOSED, ANSWER])


def test_equal_fingerprints_are_equal_tokens() -> None:
    qwen = stock("qwen3")
    assert chat_of(qwen).fingerprint == chat_of(qwen).fingerprint
    assert chat_of("{# a comment #}" + qwen).fingerprint == chat_of(qwen).fingerprint
    others = [chat_of(stock("qwen2_5")), chat_of(qwen.replace("<think>", "<thought>")), chat_of(qwen, texts=["bees"])]
    assert len({chat_of(qwen).fingerprint, *(one.fingerprint for one in others)}) == 4
