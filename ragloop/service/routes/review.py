"""GET and POST /review: a page on which people say which answers are right, the most informative first.

No browser sends a key with a link, so the form carries it, and every request is the holder's of the key in it. As for
all of the service, a request that a page of another site makes a browser send is refused at the door. Without keys
nothing is asked for, and nobody else reaches this address.
"""

from collections.abc import Mapping
from itertools import islice
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import Response

from ragloop.errors import NotFoundError, UsageError
from ragloop.keys import Role
from ragloop.learning.reviewing.open_answers import OpenAnswer
from ragloop.learning.reviewing.sheets import VERDICTS, ReviewImport, Said
from ragloop.records import FeedbackKind
from ragloop.service.callers import Caller
from ragloop.service.door import BODY
from ragloop.service.pages import form_page
from ragloop.service.pages.reviewing import review_page
from ragloop.service.refusals import Refused
from ragloop.service.routes.given import Serves
from ragloop.service.serving import Serving
from ragloop.service.visible import asker_of, covers, seen_answer

router = APIRouter()
SHOWN = 10
"""Answers on a page."""
_LOOKED_AT = 50
"""Answers that are looked at for those whose passages the caller may still see."""


@router.get("/review", include_in_schema=False)
async def show(http: Request, serving: Serves) -> Response:
    """Return the answers to review, or where a key is needed the form that asks for it."""
    try:
        caller = await _caller(http, serving, "")
    except Refused:
        return form_page(review_page(None, "", asks_key=True))
    return await _page(serving, caller, "")


@router.post("/review", include_in_schema=False)
async def save(http: Request, serving: Serves) -> Response:
    """Log what was said of answers, and return the next ones."""
    fields = dict(parse_qsl(bytes(http.scope[BODY]).decode("utf-8", "replace"), keep_blank_values=True))
    try:
        caller = await _caller(http, serving, fields.pop("key", ""))
    except Refused as error:
        return form_page(review_page(None, str(error.detail), asks_key=True, is_error=True), error.status_code)
    try:
        given = [one for one in _said(fields) if one[1]]
        done = await serving.read(_logged, serving, caller, given) if given else None
    except (UsageError, NotFoundError) as error:
        return await _page(serving, caller, f"Nothing was saved: {error}", unsaved=fields)
    return await _page(serving, caller, _told(done) if done else "")


async def _caller(http: Request, serving: Serving, key: str) -> Caller:
    """Return who holds this key, who must be allowed to read the log and to judge."""
    caller: Caller = await http.app.state.keys.caller(f"Bearer {key}" if key else "")
    http.app.state.rate.take(caller)
    for role in (Role.LOG, Role.FEEDBACK):
        caller.must(role)
    return caller


async def _page(serving: Serving, caller: Caller, said: str, unsaved: Mapping[str, str] | None = None) -> Response:
    answers = await serving.read(_open, serving, caller)
    failed = unsaved is not None
    page = review_page(answers, said, asks_key=bool(caller.key_id), is_error=failed, kept=unsaved or {})
    return form_page(page, 400 if failed else 200)


def _open(serving: Serving, caller: Caller) -> list[OpenAnswer]:
    """Return the first answers to review that a caller sees."""
    view, nobody = serving.view_of(caller), serving.view_of_nobody
    try:
        found = serving.app.learning.open_answers(_LOOKED_AT, lambda row: covers(view, asker_of(row, nobody)))
        seen = (one for one in found if seen_answer(serving.app, one.interaction_id, view, nobody))
        return list(islice(seen, SHOWN))
    except NotFoundError:  # there is no index yet
        return []


def _said(fields: Mapping[str, str]) -> list[Said]:
    """Read the form: a correction, or else a verdict, for each answer. Raises UsageError for what no page sends."""
    names = dict.fromkeys(name.partition(":")[2] for name in fields if ":" in name)
    if len(names) > SHOWN:
        raise UsageError(f"found judgements of {len(names):,} answers, expected at most the {SHOWN} of a page")
    said: list[Said] = []
    for name in names:
        verdict, correction = (fields.get(f"{part}:{name}", "").strip() for part in ("verdict", "correction"))
        correction = correction.replace("\r\n", "\n")  # a form sends the lines of a text so
        if verdict not in VERDICTS:
            raise UsageError(f"found the verdict {verdict[:20]!r}, expected up, down or nothing")
        said.append((name, FeedbackKind.CORRECTION, correction) if correction else (name, verdict, None))
    return said


def _logged(serving: Serving, caller: Caller, given: list[Said]) -> ReviewImport:
    """Log judgements of answers that the caller sees. Raises NotFoundError for another one, and logs nothing then."""
    view, nobody = serving.view_of(caller), serving.view_of_nobody
    for name, _, _ in given:
        if seen_answer(serving.app, name, view, nobody) is None:
            raise NotFoundError("found no such interaction, expected one of this page; open it again")
    done = serving.app.learning.log_judgements(given)
    for _, kind, _ in given:
        serving.figures.count_feedback(kind)
        serving.watch_canaries()
    return done


def _told(done: ReviewImport) -> str:
    counts = {"right": done.up, "wrong": done.down, "corrected": done.corrections, "known already": done.known}
    return "Saved: " + ", ".join(f"{count} {what}" for what, count in counts.items() if count) + "."
