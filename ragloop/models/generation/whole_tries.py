"""An HTTP client whose time-out holds for a whole response; that of httpx alone holds for each read of one."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx

_ENDS = "ragloop.ends"


def client_within(seconds: float) -> Any:
    """Return a client of the openai library's kind that raises httpx.ReadTimeout where the last byte of a response is
    not there so many seconds after the request; a server that writes a byte now and then would be waited for without
    end."""
    import openai

    def begin(request: httpx.Request) -> None:
        request.extensions[_ENDS] = monotonic() + seconds

    def limit(response: httpx.Response) -> None:
        response.stream = _Within(response.stream, response.request)

    return openai.DefaultHttpxClient(event_hooks={"request": [begin], "response": [limit]})


@dataclass(frozen=True)
class _Within(httpx.SyncByteStream):
    """The body of a response until its time ends."""

    body: Any
    request: httpx.Request

    def __iter__(self) -> Iterator[bytes]:
        for part in self.body:
            if monotonic() > self.request.extensions[_ENDS]:
                raise httpx.ReadTimeout("the response took longer than one try may take", request=self.request)
            yield part

    def close(self) -> None:
        self.body.close()
