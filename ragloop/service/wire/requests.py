"""Requests as clients of OpenAI's API send them. Fields that ragloop does not know are ignored."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from ragloop.records import Earlier
from ragloop.service.refusals import Refused

_TEXTS = ("text", "input_text", "output_text")
_MOST_TEXTS, _MOST_PASSAGES = 256, 100
_SPEAKERS = ("user", "assistant")
_MOST_EARLIER, _LONGEST_EARLIER = 6, 4_000
"""Earlier questions of a conversation that are looked at, and characters of each and of its answer."""


class Wire(BaseModel):
    """A body, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Part(Wire):
    """A part of a message. Of a kind other than text only the kind is read."""

    type: str
    text: str | None = None
    refusal: str | None = None


class ChatMessage(Wire):
    """A message; `content` is null where an assistant called tools."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """Its text, parts joined. Raises Refused for a part that is no text."""
        return text_of(self.content, "messages")


class StreamOptions(Wire):
    """What a stream holds besides."""

    include_usage: bool | None = None


class JsonSchema(Wire):
    """A schema that a reply must fit."""

    name: str = ""
    # A field may not be called schema: pydantic has a method of this name.
    form: dict[str, Any] = Field(default_factory=dict, alias="schema")


class ResponseFormat(Wire):
    """Whether a reply is text or JSON."""

    type: str
    json_schema: JsonSchema | None = None


class Generation(Wire):
    """What requests for a text have in common."""

    model: str = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    metadata: dict[str, Any] | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts before which a reply ends."""
        return tuple(filter(None, [self.stop] if isinstance(self.stop, str) else self.stop or ()))

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with what it cost."""
        return bool(self.stream_options and self.stream_options.include_usage)


class ChatRequest(Generation):
    """POST /v1/chat/completions."""

    messages: list[ChatMessage] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    tools: list[Any] | None = None
    tool_choice: Any = None
    functions: list[Any] | None = None
    response_format: ResponseFormat | None = None

    @property
    def question(self) -> str:
        """The text of the last message of the user. Raises Refused where there is none."""
        texts = [(one.role, one.text) for one in self.messages]
        asked = [text for role, text in texts if role == "user"]
        if not asked or not asked[-1].strip():
            raise Refused(400, "found no question; expected a last user message with text", param="messages")
        return asked[-1]

    @property
    def conversation(self) -> tuple[Earlier, ...]:
        """What was said before the question, oldest first."""
        return conversation_of([(one.role, one.text) for one in self.messages])


class CompletionRequest(Generation):
    """POST /v1/completions."""

    prompt: str | list[str] = ""

    @property
    def question(self) -> str:
        """The prompt. Raises Refused for several."""
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if len(prompts) != 1 or not prompts[0].strip():
            raise Refused(400, f"found {len(prompts)} prompts or an empty one; expected one with text", param="prompt")
        return prompts[0]


class InputMessage(Wire):
    """An item of the input of a response. Items without a role, such as calls of tools, are passed over."""

    role: str = ""
    content: str | list[Part] | None = None


class ResponseRequest(Wire):
    """POST /v1/responses."""

    model: str = ""
    input: str | list[InputMessage] = ""
    stream: bool | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    text: dict[str, Any] | None = None
    max_output_tokens: int | None = Field(default=None, ge=1)
    metadata: dict[str, Any] | None = None

    @property
    def question(self) -> str:
        """The last text of the user. Raises Refused where there is none."""
        if isinstance(self.input, str):
            asked = [self.input]
        else:
            asked = [text_of(one.content, "input") for one in self.input if one.role == "user"]
        if not asked or not asked[-1].strip():
            raise Refused(400, "found no question; expected a last user input with text", param="input")
        return asked[-1]

    @property
    def conversation(self) -> tuple[Earlier, ...]:
        """What was said before the question, oldest first."""
        said = [] if isinstance(self.input, str) else self.input
        return conversation_of([(one.role, text_of(one.content, "input")) for one in said if one.role in _SPEAKERS])


class EmbeddingRequest(Wire):
    """POST /v1/embeddings."""

    model: str = ""
    input: str | list[str] = Field(max_length=1_000_000)
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None

    @property
    def texts(self) -> list[str]:
        """The texts to embed. Raises Refused for none, an empty one or too many."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not texts or len(texts) > _MOST_TEXTS or not all(texts):
            raise Refused(
                400, f"found {len(texts)} texts; expected 1 to {_MOST_TEXTS}, none of them empty", param="input"
            )
        return texts


class SearchRequest(Wire):
    """POST /v1/search."""

    query: str = Field(min_length=1)
    top_k: int | None = Field(default=None, ge=1, le=_MOST_PASSAGES)


class FeedbackRequest(Wire):
    """POST /v1/feedback: on an answer by its id, or by the ids that a chat client gave conversation and message."""

    interaction_id: str = ""
    conversation: str = ""
    message: str = ""
    kind: Literal["up", "down", "correction"] | None = Field(
        default=None, validation_alias=AliasChoices("kind", "vote")
    )
    correction: str | None = None


def conversation_of(said: Sequence[tuple[str, str]]) -> tuple[Earlier, ...]:
    """Return the questions before the last one of the user, each with the answer that followed it."""
    last = max((n for n, (role, _) in enumerate(said) if role == "user"), default=0)
    found: list[Earlier] = []
    for role, text in said[:last]:
        if role == "user" and text.strip():
            found.append(Earlier(text[:_LONGEST_EARLIER]))
        elif role == "assistant" and found:
            found[-1] = replace(found[-1], answer=f"{found[-1].answer}\n{text}".strip()[:_LONGEST_EARLIER])
    return tuple(found[-_MOST_EARLIER:])


def text_of(content: str | Sequence[Part] | None, field: str) -> str:
    """Return the text of a content, its parts joined. Raises Refused for a part that is no text."""
    if content is None or isinstance(content, str):
        return content or ""
    for one in content:
        if one.type not in _TEXTS and one.type != "refusal":
            raise Refused(
                400, f"found a part of type {one.type[:40]!r}; expected text: no other kind is read", param=field
            )
    return "\n".join(filter(None, (one.text for one in content)))
