"""Errors as OpenAI's clients read them: {"error": {message, type, param, code}} with the status that says the same."""

import logging
import traceback
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from ragloop.errors import MismatchError, NotFoundError, RagloopError, StoreDamagedError, UnavailableError, UsageError

log = logging.getLogger(__name__)
RETRY_S = 2
"""When a caller may come back whom a passing trouble met."""
_TYPES: Mapping[int, str] = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES: Mapping[int, str] = {
    404: "not_found",
    405: "method_not_allowed",
    413: "request_too_large",
    429: "rate_limit_exceeded",
    500: "internal_error",
    503: "unavailable",
}


class Refused(HTTPException):
    """A request that gets no reply but why. `param` is the field that is at fault; `retry_s` says when to come back."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_s: int | None = None,
    ) -> None:
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        super().__init__(status, message, headers | ({"Retry-After": str(retry_s)} if retry_s else {}))
        self.code, self.param = code, param


def error_object(status: int, message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """Write an error as the body of a reply."""
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code or _CODES.get(status)}}


def refused(error: HTTPException) -> dict[str, Any]:
    """Write the body for an error of HTTP, whoever raised it."""
    code, param = (error.code, error.param) if isinstance(error, Refused) else (None, None)
    return error_object(error.status_code, str(error.detail), code, param)


def refusal_of(error: Exception) -> Refused:
    """Return what a caller is told of an error.

    Messages of what was asked are theirs; messages about the store and its models name paths and tables, so they go to
    the log of the service.
    """
    if isinstance(error, Refused):
        return error
    if isinstance(error, NotFoundError | MismatchError):
        log.warning("cannot answer: %s", error)
        return Refused(503, "the service has no index or model to answer with yet; try again later", retry_s=RETRY_S)
    if isinstance(error, UsageError):
        return Refused(400, str(error))
    if isinstance(error, UnavailableError):
        log.warning("cannot be reached: %s", error)
        return Refused(503, "something that the service needs cannot be reached now; try again", retry_s=RETRY_S)
    if isinstance(error, StoreDamagedError | RagloopError):
        log.error("%s: %s", type(error).__name__, error)
    else:
        # Without its message, which may hold the text of a question.
        frames = "".join(traceback.format_tb(error.__traceback__))
        log.error("a request failed with %s:\n%s", type(error).__name__, frames)
    return Refused(500, "the service failed; its log says why")
