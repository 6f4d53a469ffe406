"""The pages that ask, show the loop, show an answer and let people review: without a build step."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter()
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@router.get("/", include_in_schema=False)
async def ask_page() -> Response:
    """Return the page that asks."""
    return _file("ask.html", "text/html; charset=utf-8")


@router.get("/ask.css", include_in_schema=False)
async def style() -> Response:
    """Return how the pages look."""
    return _file("ask.css", "text/css; charset=utf-8")


@router.get("/ask.js", include_in_schema=False)
async def script() -> Response:
    """Return what the page that asks does."""
    return _file("ask.js", "text/javascript; charset=utf-8")


@router.get("/loop", include_in_schema=False)
async def loop_page() -> Response:
    """Return the page of the loop."""
    return _file("loop.html", "text/html; charset=utf-8")


@router.get("/loop.js", include_in_schema=False)
async def loop_script() -> Response:
    """Return what the page of the loop does."""
    return _file("loop.js", "text/javascript; charset=utf-8")


@router.get("/interactions/{interaction_id}", include_in_schema=False)
async def interaction_page(interaction_id: str) -> Response:
    """Return the page of an answer; whether there is one, the log says to who may read it."""
    return _file("interaction.html", "text/html; charset=utf-8")


@router.get("/interaction.js", include_in_schema=False)
async def interaction_script() -> Response:
    """Return what the page of an answer does."""
    return _file("interaction.js", "text/javascript; charset=utf-8")


@router.get("/review.js", include_in_schema=False)
async def review_script() -> Response:
    """Return what eases the review page."""
    return _file("review.js", "text/javascript; charset=utf-8")


def form_page(html: str, status: int = 200) -> Response:
    """Return a page whose form posts to this service, and whose texts no cache keeps.

    Under `no-referrer` a browser would hide from which site a form comes, and the door would refuse it.
    """
    policy = _POLICY.replace("form-action 'none'", "form-action 'self'")
    own = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin", "Cache-Control": "no-store"}
    return Response(html, status, media_type="text/html; charset=utf-8", headers={**_HEADERS, **own})


def _file(name: str, kind: str) -> Response:
    return Response(_content(name), media_type=kind, headers=_HEADERS)


@cache
def _content(name: str) -> bytes:
    return files(__name__).joinpath(name).read_bytes()
