"""The review page as HTML: a form that works without scripts. Texts of documents and answers are data, and escaped."""

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from ragloop.learning.reviewing.open_answers import OpenAnswer, ShownPassage
from ragloop.wording import counted

_KEY = (
    '      <label for="key">Key with the roles log and feedback</label>\n'
    '      <input id="key" name="key" type="password" placeholder="rl-…">'
)
_GONE = "This passage changed or is gone since."
_VERDICTS = {"up": "right", "down": "wrong", "": "not judged"}
_NOTHING: Mapping[str, str] = {}


def review_page(
    answers: Sequence[OpenAnswer] | None,
    said: str,
    *,
    asks_key: bool,
    is_error: bool = False,
    kept: Mapping[str, str] = _NOTHING,
) -> str:
    """Write the page with these answers, or without any where nobody said yet who looks (None).

    `said` is told above them; `asks_key`: whoever calls needs one, which no page repeats; `kept`: fields that were
    filled in and not saved, which the page shows again.
    """
    nothing = "      <p>Nothing waits for a review.</p>"
    shown = "\n".join(_answer(one, kept) for one in answers) or nothing if answers is not None else ""
    return _template().substitute(
        kind="error" if is_error else "",
        said=escape(said),
        key=_KEY if asks_key else "",
        answers=shown,
        submit="Save" if answers else "Show",
    )


@cache
def _template() -> Template:
    return Template(files("ragloop.service.pages").joinpath("review.html").read_text(encoding="utf-8"))


def _answer(one: OpenAnswer, kept: Mapping[str, str]) -> str:
    name = escape(one.interaction_id)
    chosen = kept.get(f"verdict:{one.interaction_id}", "")
    radios = "\n".join(
        f'        <label><input type="radio" name="verdict:{name}" value="{value}"{" checked" * (value == chosen)}>'
        f" {word}</label>"
        for value, word in _VERDICTS.items()
    )
    correction = escape(kept.get(f"correction:{one.interaction_id}", ""))
    asked = f"asked {one.times} times" if one.times > 1 else "asked once"
    passages = "\n".join(map(_passage, one.passages)) or "          <p>It was given without passages.</p>"
    return f"""      <fieldset data-answer="{name}">
        <legend>{escape(one.question)}</legend>
        <p class="answer">{escape(one.answer)}</p>
        <p class="why">{escape(one.why)}; {asked} · <a href="/interactions/{name}">evidence</a></p>
        <details>
          <summary>{counted(len(one.passages), "passage")}</summary>
{passages}
        </details>
{radios}
        <label for="correction:{name}">What is right</label>
        <textarea id="correction:{name}" name="correction:{name}" rows="2">{correction}</textarea>
      </fieldset>"""


def _passage(one: ShownPassage) -> str:
    text = escape(one.text) if one.text else _GONE
    return f'          <p class="passage"><strong>[{one.n}] {escape(one.uri)}</strong><br>{text}</p>'
