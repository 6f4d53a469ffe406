"""Adapters on a server of vLLM's kind: each is loaded under a name of its own, looked up, asked, and unloaded.

A name stands for bytes: it holds the beginning of the adapter's hash, and is never given to others. A name that is
loaded again would be answered from what the server cached of the one before (vllm#42125), so `load_inplace` is never
sent. The server runs with `--enable-lora` and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, and reads the adapter's folder by
itself.
"""

import logging
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ragloop.errors import MismatchError, NotFoundError, UnavailableError
from ragloop.models.generation.remote import REST_S, Endpoint, RemoteGenerator
from ragloop.records import Draft, Prompt

if TYPE_CHECKING:
    from circuitbreaker import CircuitBreaker

    from ragloop.registry import Adapter

log = logging.getLogger(__name__)
_PREFIX = "ragloop"
_HASH = 16
"""Digits of the hash that a name holds."""
WAIT_S = 5.0
"""Longest wait for a server to load or to unload: who asks another adapter waits meanwhile. A load goes on after that,
and one that stays loaded only takes room there."""
_MOST_SAID = 300


def served_name(adapter_id: str, sha256: str) -> str:
    """Return the name of an adapter on a server, the same for the same bytes."""
    return f"{_PREFIX}-{adapter_id}-{sha256[:_HASH]}"


class ServedAdapters:
    """The adapters on one server. `root` is where the server finds the artifact root; empty where it has it at the same
    path as this machine. No question waits for longer than `wait_s` for a load."""

    def __init__(self, endpoint: Endpoint, root: str, wait_s: float = WAIT_S) -> None:
        self._endpoint, self._root, self._wait_s = endpoint, root.rstrip("/"), wait_s
        self._breakers: dict[str, CircuitBreaker] = {}
        self._loads: dict[str, _Load] = {}
        self._starting = threading.Lock()

    def wearing(self, adapter: "Adapter", folder: Path) -> "ServedAdapter":
        """Load an adapter whose files were found whole in `folder`, and return what asks it.

        Raises UnavailableError where the server cannot be reached or does not load it, MismatchError where it has it on
        another base model.
        """
        place = f"{self._root}/{adapter.path}" if self._root else str(folder)
        found = ServedAdapter(self, adapter, served_name(adapter.adapter_id, adapter.sha256), place, self._endpoint)
        found.load()
        return found

    def taking_off(self, adapter: "Adapter") -> None:
        """Unload an adapter; where the server cannot, it is logged and stays loaded there."""
        name = served_name(adapter.adapter_id, adapter.sha256)
        try:
            reply = self._client.post("/unload_lora_adapter", json={"lora_name": name}, timeout=WAIT_S)
        except self._failures as error:
            log.warning("%s was not unloaded: %s", name, type(error).__name__)
            return
        if reply.status_code not in (200, 404):
            log.warning("%s was not unloaded: %s", name, _said(reply))

    def load(self, name: str, place: str) -> None:
        """Load what is in `place` under a name unless it is loaded, and look it up. Raises as `wearing` does.

        What was not loaded is left alone for a while: every question would wait for another attempt. A load that takes
        longer than a question waits goes on, and raises UnavailableError meanwhile.
        """
        with self._starting:
            load = self._loads.get(name)
            if load is None or load.ended.done():
                breaker = self._breaker_of(name)
                if breaker.opened:
                    raise UnavailableError(f"{breaker.last_failure}; it is not tried again for {REST_S} s")
                load = self._loads[name] = _Load.begun(lambda: breaker.call(self._load, name, place))
        try:
            load.ended.result(max(0.0, load.began + self._wait_s - monotonic()))
        except TimeoutError:
            raise UnavailableError(
                f"{self._endpoint.base_url} has not loaded {name} within {self._wait_s:g} s; it is asked once it has"
            ) from None

    def _breaker_of(self, name: str) -> "CircuitBreaker":
        from circuitbreaker import CircuitBreaker

        made = CircuitBreaker(failure_threshold=1, recovery_timeout=REST_S, expected_exception=UnavailableError)
        return self._breakers.setdefault(name, made)

    def _load(self, name: str, place: str) -> None:
        try:
            listed, reply = self._listed(), None
            if name not in listed:
                reply = self._client.post("/load_lora_adapter", json={"lora_name": name, "lora_path": place})
                listed = self._listed()  # another process may have loaded it meanwhile, which is refused here
        except self._failures as error:
            raise UnavailableError(f"{self._endpoint.base_url} cannot load {name}: {type(error).__name__}") from None
        if name not in listed:
            raise UnavailableError(
                f"{self._endpoint.base_url} does not list {name} after loading it from {place} ({_said(reply)}): start "
                "vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, or correct remote.adapters_root"
            )
        parent = listed[name].get("parent")
        if parent not in (None, self._endpoint.model):
            raise MismatchError(f"{name} is loaded on {parent}, expected remote.model {self._endpoint.model}")

    def _listed(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the models of the server by name. Raises UnavailableError for a reply that is no list of models."""
        reply = self._client.get("/models", timeout=WAIT_S)
        try:
            return {one["id"]: one for one in reply.raise_for_status().json()["data"]}
        except (self._error, ValueError, KeyError, TypeError):
            raise UnavailableError(f"{self._endpoint.base_url}/models gave no list ({_said(reply)})") from None

    @property
    def _error(self) -> type[Exception]:
        import httpx2

        return httpx2.HTTPError

    @property
    def _failures(self) -> tuple[type[Exception], ...]:
        return (self._error, OSError)

    @cached_property
    def _client(self) -> Any:
        import httpx2

        one = self._endpoint
        headers = {"Authorization": f"Bearer {one.key}"}
        client = httpx2.Client(base_url=one.base_url, headers=headers, timeout=one.timeout_s)
        weakref.finalize(self, client.close)  # its connections stay open between adapters
        return client


@dataclass(frozen=True)
class ServedAdapter:
    """Drafts from an adapter on a server, by its name there."""

    host: ServedAdapters
    worn: "Adapter"
    name: str
    place: str
    endpoint: Endpoint

    @property
    def model(self) -> str:
        """The base model, as it is called there."""
        return self.endpoint.model

    @property
    def adapter(self) -> str | None:
        """The id of the adapter."""
        return self.worn.adapter_id

    @property
    def recipe(self) -> str:
        """The recipe that it was trained by."""
        return self.worn.recipe

    @property
    def fingerprint(self) -> str:
        """The base model, its server and limits, and the adapter."""
        return f"{self._remote.fingerprint}, on {self.model}"

    def load(self) -> None:
        """Load it where it is not loaded."""
        self.host.load(self.name, self.place)

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft per prompt; a server that started again meanwhile loads the adapter again. Raises as
        RemoteGenerator does."""
        try:
            drafts = self._remote.generate(prompts)
        except NotFoundError:
            self.load()
            drafts = self._remote.generate(prompts)
        return [replace(one, model=self.model) for one in drafts]

    @cached_property
    def _remote(self) -> RemoteGenerator:
        return RemoteGenerator(replace(self.endpoint, model=self.name))


@dataclass(frozen=True)
class _Load:
    """A load under way or done, in a thread that keeps no process from ending."""

    began: float
    ended: "Future[None]"

    @classmethod
    def begun(cls, work: Callable[[], None]) -> "_Load":
        ended: Future[None] = Future()

        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                ended.set_exception(error)
            else:
                ended.set_result(None)

        threading.Thread(target=run, name="load adapter", daemon=True).start()
        return cls(monotonic(), ended)


def _said(reply: Any) -> str:
    return f"status {reply.status_code}: {reply.text[:_MOST_SAID]}"
