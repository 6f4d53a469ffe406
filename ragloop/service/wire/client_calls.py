"""Calls that chat clients make on their own: titles, tags, follow-ups, queries. No person asked them anything.

They are answered from what they hold, without a search, and are not logged: as questions they would be retrieved on,
counted as traffic and trained on. The beginnings are those of the templates of Open WebUI and LibreChat.
"""

import json
import re
from collections.abc import Sequence

from ragloop.service.wire.requests import ChatMessage

_TASK = "### task:"
_EMOJI = "your task is to reflect the speaker's likely facial expression through a fitting emoji"
"""How the one template of Open WebUI begins that has no such heading."""
_FACE = "💬"
_TITLE_WORDS = 5
_KINDS = (
    ("title", ("title",)),
    ("tags", ("broad tags", "generate 1-3 tags")),
    (
        "follow_ups",
        ("follow-up questions", "follow up questions", "follow-ups", "messages this user might naturally send next"),
    ),
    ("queries", ("search queries", "generating search", "retrieval queries", "necessity of generating")),
    ("prompt", ("image generation", "prompt for image", "detailed prompt")),
    ("text", ("autocompletion", "autocomplete")),
    ("emoji", ("emoji",)),
)
"""What the templates of Open WebUI ask for, by words of their first lines."""
_FIRST = 400
"""Characters of a template that say what it asks for."""
_LIBRECHAT = (
    ("5-word-or-less title for the conversation",),
    ("concise title in the detected language", "5 words or less"),
    ("generate a concise title (max 40 characters) for a conversation that starts with",),
)
"""Texts that stand together in a title prompt of LibreChat."""
_SAID = re.compile(r"^[ \t>|]*(?:user|human)[ \t]*:[ \t]*([^\n]+)", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"[\w'’-]+")


def reply_to_client(messages: Sequence[ChatMessage]) -> str | None:
    """Return the reply to a client's own call, None where a person asks."""
    text = messages[-1].text.strip()
    low = text.lower()
    if low.startswith(_TASK):
        return _of_task(low[: _FIRST + len(_TASK)], _title(messages, text))
    if low.startswith(_EMOJI):
        return _FACE
    if any(all(one in low for one in texts) for texts in _LIBRECHAT):
        return _title(messages, text)
    return None


def _of_task(beginning: str, title: str) -> str | None:
    """Return the JSON that a template of Open WebUI asks for; None for a heading that a person wrote."""
    kind = next((kind for kind, words in _KINDS if any(word in beginning for word in words)), None)
    match kind:
        case "title":
            return json.dumps({"title": title}, ensure_ascii=False)
        case "tags" | "follow_ups" | "queries":
            return json.dumps({kind: []})
        case "prompt" | "text":
            return json.dumps({kind: ""})
        case "emoji":
            return _FACE
    return None


def _title(messages: Sequence[ChatMessage], text: str) -> str:
    """Return the first words of what the user said first: in an earlier message, or quoted in the prompt."""
    earlier = [one.text for one in messages[:-1] if one.role == "user"]
    quoted = _SAID.search(text)
    said = earlier[0] if earlier else quoted[1] if quoted else ""
    return " ".join(_WORD.findall(said)[:_TITLE_WORDS]) or "Conversation"
