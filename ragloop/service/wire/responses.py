"""Replies in the form of OpenAI's responses: a response object, and the events of one that is streamed."""

from collections.abc import Iterator
from dataclasses import dataclass

from ragloop.records import Answer
from ragloop.service.wire.shown import Json, Shown


@dataclass(frozen=True)
class ResponseReply:
    """A response under way."""

    response_id: str
    created: int
    model: str

    def whole(self, shown: Shown, answer: Answer, extras: Json) -> Json:
        """Write a whole response."""
        read, written = answer.prompt_tokens, answer.completion_tokens
        usage = {
            "input_tokens": read,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": read + written,
        }
        item = self._item([_part(shown)], "completed")
        return {**self._head("completed", [item], usage), **extras}

    def begun(self) -> Iterator[Json]:
        """Yield the events before the answer is known."""
        yield {"type": "response.created", "response": self._head("in_progress", [], None)}
        yield {"type": "response.in_progress", "response": self._head("in_progress", [], None)}

    def events(self, shown: Shown, answer: Answer, extras: Json) -> Iterator[Json]:
        """Yield the events of the text, and the whole response last."""
        place = {"item_id": self._item_id, "output_index": 0, "content_index": 0}
        opening = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": self._item([], "in_progress")}
        yield {"type": "response.content_part.added", **place, "part": opening}
        number = 0
        for text, annotations in shown.parts():
            yield {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []}
            for one in annotations:
                named = {"annotation_index": number, "annotation": one.of_response()}
                yield {"type": "response.output_text.annotation.added", **place, **named}
                number += 1
        yield {"type": "response.output_text.done", **place, "text": shown.text, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": _part(shown)}
        item = self._item([_part(shown)], "completed")
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}
        yield {"type": "response.completed", "response": self.whole(shown, answer, extras)}

    @property
    def _item_id(self) -> str:
        return f"msg_{self.response_id.removeprefix('resp_')}"

    def _item(self, content: list[Json], status: str) -> Json:
        return {"id": self._item_id, "type": "message", "role": "assistant", "status": status, "content": content}

    def _head(self, status: str, output: list[Json], usage: Json | None) -> Json:
        return {
            "id": self.response_id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": self.model,
            "output": output,
            "usage": usage,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": False,
            "temperature": None,
            "tool_choice": "none",
            "tools": [],
            "top_p": None,
        }


def _part(shown: Shown) -> Json:
    annotations = [one.of_response() for one in shown.annotations]
    return {"type": "output_text", "text": shown.text, "annotations": annotations, "logprobs": []}
