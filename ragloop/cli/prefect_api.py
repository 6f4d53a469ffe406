"""Prefect's REST API over HTTP, with what the standard library has: the core does not import Prefect."""

import base64
import http.client
import json
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ragloop.errors import NotFoundError, UnavailableError

Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]
PATIENCE_S = 30.0
_LOCAL_URL = "http://127.0.0.1:4200/api"
_BUSY = (429, 502, 503)
"""The server says 503 while another writer holds its SQLite file; Prefect's own client asks again as well."""
# A proxy of the environment must not come between this process and its own machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class PrefectApi:
    """The API at `url`, such as http://127.0.0.1:4200/api, which may be busy for `patience_s`."""

    url: str
    patience_s: float = PATIENCE_S
    authorization: str = field(default="", repr=False)
    """Header of that name, where the server asks for one."""

    def call(self, method: str, path: str, body: Body | None = None) -> Any:
        """One request; asked again while the server is busy.

        Raises NotFoundError for status 404, UnavailableError where the server refuses or does not answer.
        """
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                with _opener.open(self._request(method, path, body), timeout=max(1.0, self.patience_s)) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                with error:
                    said = error.read().decode(errors="replace")[:300]
                if error.code == 404:
                    raise NotFoundError(f"Prefect found nothing at {method} {path}") from None
                if error.code not in _BUSY or time.monotonic() > deadline:
                    raise UnavailableError(f"Prefect refused {method} {path} with {error.code}: {said}") from None
            except (OSError, http.client.HTTPException, ValueError) as error:  # of no address, or of no API
                raise UnavailableError(f"Prefect at {self.url} does not answer: {error}") from None
            time.sleep(0.5)

    def emit(
        self, event: str, resource: Mapping[str, str], payload: Body, related: Sequence[Mapping[str, str]] = ()
    ) -> None:
        """Emit one event, now. Raises as `call` does."""
        told = {"event": event, "resource": resource, "related": related, "payload": payload}
        self.call("POST", "/events", [{"id": str(uuid.uuid4()), "occurred": datetime.now(UTC).isoformat(), **told}])

    def answers(self, path: str) -> bool:
        """Whether there is anything at `path` now."""
        try:
            self.call("GET", path)
        except (NotFoundError, UnavailableError):
            return False
        return True

    def _request(self, method: str, path: str, body: Body | None) -> urllib.request.Request:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        return urllib.request.Request(self.url + path, data, headers, method=method)


def named_api(patience_s: float = PATIENCE_S) -> PrefectApi:
    """The server that PREFECT_API_URL names, by default that of `ragloop up`, with the key that Prefect would use."""
    key, pair = os.environ.get("PREFECT_API_KEY"), os.environ.get("PREFECT_API_AUTH_STRING")
    authorization = f"Bearer {key}" if key else f"Basic {base64.b64encode(pair.encode()).decode()}" if pair else ""
    return PrefectApi(os.environ.get("PREFECT_API_URL", _LOCAL_URL), patience_s, authorization)
