"""An HTTP client whose time-out holds for a whole response; that of httpx2 alone holds for each read of one.

The openai library speaks HTTP through httpx2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx2

_ENDS = "ragloop.ends"


def client_within(seconds: float) -> Any:
    """Return a client of the openai library's kind that raises httpx2.ReadTimeout where the last byte of a response is
    not there so many seconds after the request; a server that writes a byte now and then would be waited for without
    end."""
    import openai

    def begin(request: httpx2.Request) -> None:
        request.extensions[_ENDS] = monotonic() + seconds

    def limit(response: httpx2.Response) -> None:
        response.stream = _Within(response.stream, response.request)

    return openai.DefaultHttpxClient(event_hooks={"request": [begin], "response": [limit]})


@dataclass(frozen=True)
class _Within(httpx2.SyncByteStream):
    """The body of a response until its time ends."""

    body: Any
    request: httpx2.Request

    def __iter__(self) -> Iterator[bytes]:
        for part in self.body:
            if monotonic() > self.request.extensions[_ENDS]:
                raise httpx2.ReadTimeout("the response took longer than one try may take", request=self.request)
            yield part

    def close(self) -> None:
        self.body.close()
