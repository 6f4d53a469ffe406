"""The ask page: three files that the package carries, without a build step and without anything from elsewhere."""

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
    """Return the page."""
    return _file("ask.html", "text/html; charset=utf-8")


@router.get("/ask.css", include_in_schema=False)
async def style() -> Response:
    """Return how the page looks."""
    return _file("ask.css", "text/css; charset=utf-8")


@router.get("/ask.js", include_in_schema=False)
async def script() -> Response:
    """Return what the page does."""
    return _file("ask.js", "text/javascript; charset=utf-8")


def _file(name: str, kind: str) -> Response:
    return Response(_content(name), media_type=kind, headers=_HEADERS)


@cache
def _content(name: str) -> bytes:
    return files(__name__).joinpath(name).read_bytes()
