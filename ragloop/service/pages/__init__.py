"""The ask page and the loop page: files of the package, without a build step and with nothing from elsewhere."""

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
    """Return how both pages look."""
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


def _file(name: str, kind: str) -> Response:
    return Response(_content(name), media_type=kind, headers=_HEADERS)


@cache
def _content(name: str) -> bytes:
    return files(__name__).joinpath(name).read_bytes()
