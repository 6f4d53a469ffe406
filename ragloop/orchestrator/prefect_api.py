"""Prefect's REST API over HTTP, with what the standard library has: the core does not import Prefect."""

import http.client
import json
import math
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from ragloop.errors import NotFoundError, UnavailableError
from ragloop.orchestrator import access

Body = Mapping[str, Any] | Sequence[Mapping[str, Any]]
PATIENCE_S = 30.0
_LOCAL_URL = "http://127.0.0.1:4200/api"
_BUSY = (429, 502, 503)
"""The server says 503 while another writer holds its SQLite file; Prefect's own client asks again as well."""
_FORGED = "CSRF token"
"""Said of a change without the newest token of its client; tokens are good for an hour."""
_UNAUTHORIZED = "; set PREFECT_API_AUTH_STRING to the string that this server was started with"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# A proxy of the environment must not come between this process and its own machine.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class PrefectApi:
    """The API at `url`, such as http://127.0.0.1:4200/api, which may be busy for `patience_s`."""

    url: str
    patience_s: float = PATIENCE_S
    authorization: str = field(default="", repr=False)
    """Header of that name, where the server asks for one."""
    over_at_s: float = field(default=math.inf, repr=False)
    """When all calls together must have ended, by time.monotonic()."""
    client: str = field(default_factory=lambda: str(uuid.uuid4()), repr=False, compare=False)
    """The name that tokens are made for."""
    _tokens: list[str] = field(default_factory=list, repr=False, compare=False)
    """The newest token against forged requests, which a server with that protection wants beside every change."""

    def within(self, seconds: float) -> Self:
        """Return the same API for calls that take so long at most, all of them together."""
        return replace(self, over_at_s=time.monotonic() + seconds)

    def call(self, method: str, path: str, body: Body | None = None) -> Any:
        """Send one request, again while the server is busy, and a read again where no answer came in time.

        Raises NotFoundError for status 404, UnavailableError where the server refuses or does not answer.
        """
        deadline, renewed = min(time.monotonic() + self.patience_s, self.over_at_s), False
        reads = method == "GET" or path.endswith("/filter")
        # A server that its disk held up does not always answer the request it held, but answers the next one.
        timeout_s = max(1.0, self.patience_s / 3 if reads else self.patience_s)
        while True:
            left_s = self.over_at_s - time.monotonic()
            if left_s <= 0:
                raise UnavailableError(f"Prefect at {self.url} answers too slowly; {method} {path} was not asked")
            try:
                request = self._request(method, path, body)
                with _opener(self.url).open(request, timeout=min(timeout_s, left_s)) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                with error:
                    said = error.read().decode(errors="replace")[:300]
                if error.code == 404:
                    raise NotFoundError(f"Prefect found nothing at {method} {path}") from None
                if error.code == 403 and _FORGED in said and not renewed:
                    self._renew_token()
                    renewed = True
                    continue
                if error.code not in _BUSY or time.monotonic() > deadline:
                    hint = _UNAUTHORIZED if error.code == 401 else ""
                    raise UnavailableError(f"Prefect refused {method} {path} with {error.code}: {said}{hint}") from None
            except TimeoutError:
                if not reads or time.monotonic() > deadline:
                    raise UnavailableError(f"Prefect at {self.url} does not answer {method} {path} in time") from None
            except (OSError, http.client.HTTPException, ValueError) as error:  # of no address, or of no API
                raise UnavailableError(f"Prefect at {self.url} does not answer: {error}") from None
            time.sleep(0.5)

    def emit(
        self, event: str, resource: Mapping[str, str], payload: Body, related: Sequence[Mapping[str, str]] = ()
    ) -> None:
        """Emit one event, now. Raises as `call` does."""
        fields = {"event": event, "resource": resource, "related": related, "payload": payload}
        self.call("POST", "/events", [{"id": str(uuid.uuid4()), "occurred": datetime.now(UTC).isoformat(), **fields}])

    def page(self, path: str) -> str:
        """Return the address of a page of the UI, such as runs/flow-run/ID."""
        return f"{os.environ.get('PREFECT_UI_URL') or self.url.removesuffix('/api')}/{path}"

    def answers(self, path: str) -> bool:
        """Return whether there is anything at `path` now."""
        try:
            self.call("GET", path)
        except (NotFoundError, UnavailableError):
            return False
        return True

    def _renew_token(self) -> None:
        self._tokens[:] = [str(self.call("GET", f"/csrf-token?client={self.client}")["token"])]

    def _request(self, method: str, path: str, body: Body | None) -> urllib.request.Request:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        if self._tokens:
            headers |= {"Prefect-Csrf-Client": self.client, "Prefect-Csrf-Token": self._tokens[-1]}
        return urllib.request.Request(self.url + path, data, headers, method=method)


def named_api(home: Path, patience_s: float = PATIENCE_S) -> PrefectApi:
    """Return the server that PREFECT_API_URL names, with the key or string that Prefect would use; without it, the
    server that `ragloop up` runs for this home, with the string of the home."""
    named = named_server(home)
    key, auth = named["PREFECT_API_KEY"], named["PREFECT_API_AUTH_STRING"]
    return PrefectApi(named["PREFECT_API_URL"], patience_s, f"Bearer {key}" if key else access.basic(auth))


def named_server(home: Path) -> dict[str, str]:
    """Return the variables by which Prefect's own commands find the same server as `named_api`."""
    names = ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING")
    url, key, auth = (os.environ.get(name, "") for name in names)
    own = access.running_url(home)
    if own and url in ("", own) and (not url or not (key or auth)):
        url, key, auth = own, "", access.kept_string(home)
    return dict(zip(names, (url or _LOCAL_URL, key, auth), strict=True))


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which a process of this environment speaks to its own machine without a proxy."""
    given = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    hosts = given if given == "*" else ",".join(dict.fromkeys([*filter(None, given.split(",")), *_LOOPBACK]))
    return {"no_proxy": hosts, "NO_PROXY": hosts}


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return what sends a request: through the proxies of the environment where the server is on another machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # of no address, as the request will say
        host = ""
    local = host in _LOOPBACK or host.startswith("127.")
    return _direct if local else urllib.request.build_opener()


def knows_a_server(home: Path) -> bool:
    """Return whether a Prefect server is named, or runs for this home."""
    return bool(os.environ.get("PREFECT_API_URL") or access.running_url(home))
