"""Replies of chat completions, whole and streamed, and of their older form."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from ragloop.records import Answer
from ragloop.service.wire.shown import Json, Shown


@dataclass(frozen=True)
class Reply:
    """A reply under way: its id, when it began, the model that was asked for. `chat` is false for the older form."""

    reply_id: str
    created: int
    model: str
    chat: bool = True

    def whole(self, shown: Shown, usage: Json, extras: Json) -> Json:
        """Write a whole reply."""
        content: Json = {"text": shown.text}
        if self.chat:
            annotations = [one.of_chat() for one in shown.annotations]
            message = {"role": "assistant", "content": shown.text, "refusal": None, "annotations": annotations}
            content = {"message": message}
        choice = {"index": 0, **content, "logprobs": None, "finish_reason": shown.finish_reason}
        kind = "chat.completion" if self.chat else "text_completion"
        return {**self._head(kind), "choices": [choice], "usage": usage, **extras}

    def begun(self) -> Json:
        """Write the first chunk: who speaks, before it is known what."""
        return self._chunk({"role": "assistant", "content": ""})

    def chunks(self, shown: Shown, extras: Json) -> Iterator[Json]:
        """Yield the chunks of the text; the last one says why it ends, and holds what ragloop adds."""
        for text, annotations in shown.parts():
            delta: Json = {"content": text}
            if annotations:
                delta["annotations"] = [one.of_chat() for one in annotations]
            yield self._chunk(delta)
        yield {**self._chunk({}, shown.finish_reason), **extras}

    def usage(self, usage: Json) -> Json:
        """Write the chunk of what the reply cost, which has no choice."""
        return {**self._head(self._kind_of_chunk), "choices": [], "usage": usage}

    @property
    def _kind_of_chunk(self) -> str:
        return "chat.completion.chunk" if self.chat else "text_completion"

    def _chunk(self, delta: Json, finish_reason: str | None = None) -> Json:
        content = {"delta": delta} if self.chat else {"text": delta.get("content", "")}
        choice = {"index": 0, **content, "logprobs": None, "finish_reason": finish_reason}
        return {**self._head(self._kind_of_chunk), "choices": [choice]}

    def _head(self, kind: str) -> Json:
        return {"id": self.reply_id, "object": kind, "created": self.created, "model": self.model}


def usage_of(answer: Answer | None) -> Json:
    """Write the tokens that an answer took; a text that no model wrote took none."""
    read, written = (answer.prompt_tokens, answer.completion_tokens) if answer else (0, 0)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def extras_of(answer: Answer, notes: tuple[str, ...] = ()) -> Json:
    """Write what ragloop adds to a reply: what the log calls it, what it cites, who answered, whether it abstains.

    `notes` say what of the request was not followed.
    """
    return {
        "ragloop": {
            "interaction_id": answer.interaction_id,
            "citations": [{**asdict(one), "title": answer.passages[one.n - 1].title} for one in answer.citations],
            "lane": answer.lane,
            "adapter": answer.adapter,
            "abstained": answer.abstained,
            "fallback": answer.fallback or None,
            "rewritten": answer.rewritten or None,
            "verdicts": dict(answer.verdicts),
            "cache": answer.cache,
            "reused_from": answer.reused_from or None,
            "latency_ms": round(sum(answer.latency_ms.values()), 2),
            "notes": list(notes),
        }
    }
