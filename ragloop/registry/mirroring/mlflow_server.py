"""A server of MLflow, as the mirror of the registry and trainings use it: what it is asked within bounds, and what its
errors mean."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ragloop.errors import UnavailableError, UsageError, missing_package

if TYPE_CHECKING:
    from mlflow import MlflowClient

_CONNECT_S = 5
_BEHAVIOUR = {
    # It names each run on stdout, where a command prints one JSON object.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow sends figures of its use to its makers by default.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # By its defaults a server that hangs is waited for through a quarter of an hour.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}
_PORTS = {"http": 80, "https": 443}
_SHOWN = 200


class MlflowServer:
    """The server at `uri`; `name` is that of the experiment. Nothing is reached before the client is used."""

    def __init__(self, uri: str, name: str) -> None:
        self._uri, self._name = uri, name

    def __str__(self) -> str:
        parts = urlsplit(self._uri)
        if not parts.scheme:
            return f"MLflow at {self._uri}, {self._name}"
        place = parts.netloc.rpartition("@")[2]  # a user and a password may stand before it
        return f"MLflow at {parts.scheme}://{place}{parts.path}, {self._name}"

    @cached_property
    def client(self) -> "MlflowClient":
        """Return a client of it. Raises UnavailableError where nothing listens, NotFoundError without the package."""
        self._must_answer()
        for name, value in _BEHAVIOUR.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise (missing_package(error.name) or error) from None
        for name in ("mlflow", "alembic"):  # which say what they do to a database
            logging.getLogger(name).setLevel(logging.WARNING)
        return MlflowClient(tracking_uri=self._uri, registry_uri=os.environ.get("MLFLOW_REGISTRY_URI"))

    def _must_answer(self) -> None:
        """Raise UnavailableError where nothing listens there: MLflow itself would try again for minutes."""
        parts = urlsplit(self._uri)
        if parts.scheme not in _PORTS or not parts.hostname:
            return
        if getproxies().get(parts.scheme) and not proxy_bypass(parts.hostname):
            return
        try:
            socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), _CONNECT_S).close()
        except OSError as error:
            raise UnavailableError(f"cannot reach {self} now: {error.strerror or error}") from None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise what an error of MLflow means: refused, or not reached."""
        _ = self.client
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            yield
        except (MlflowException, RequestException, OSError) as error:
            status = error.get_http_status_code() if isinstance(error, MlflowException) else 503
            said = (str(error).splitlines() or [type(error).__name__])[0][:_SHOWN].replace(self._uri, str(self))
            if 400 <= status < 500:
                raise UsageError(f"{self} refused: {said}") from error
            raise UnavailableError(f"cannot reach {self} now: {said}") from error
        except NotImplementedError as error:
            raise UsageError(f"the artifact store of {self} deletes no files: {error}; use another one") from error
