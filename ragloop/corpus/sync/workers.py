"""Workers that read, parse, chunk and encode for a sync, in this process or in others: threads, Dask or Ray, by name.

What goes out is how to do it and what to do it with, never what it takes to get in: a source goes without credentials,
which a worker has by the usual means, an embedder as how to open it and what fingerprint it must have. What comes back
are prepared documents and vectors. Every task can be done twice, so a worker that dies costs its tasks and no more;
planning and committing stay with the process that holds the lease.
"""

import os
import pickle
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np

from ragloop.corpus.index.generations.generation import CHUNKER, PARSER
from ragloop.corpus.sources.source import Listed
from ragloop.corpus.sync.preparing import AHEAD_BYTES, Preparation, Prepared
from ragloop.errors import MismatchError, RagloopError, UnavailableError
from ragloop.models import Embedder, Vectors

if TYPE_CHECKING:
    from ragloop.models.embedding.runtimes import Backend

TaskRunner = Literal["threads", "dask", "ray"]
OpensEmbedder = Callable[[], Embedder]
"""Opens an embedder, here or in a worker: it can be pickled."""

GROUP_DOCUMENTS = 16
GROUP_BYTES = 4 * 2**20
"""Most documents and bytes in one task; benchmarks/scale_slopes.py has what a task costs."""
GROUPS_AHEAD = 2
"""Groups under way for each worker."""
PARTS_PER_WORKER = 4
"""Tasks per worker that the strings of a batch are parted into, so that none waits long for the slowest."""
LEAST_STRINGS = 8
"""Fewer strings are not worth a task of their own."""
NO_WORKER_S = 60.0
"""A cluster without a worker is waited for so long."""
_LOOK_S = 5.0


class Executor(Protocol):
    """Where tasks are done."""

    def workers(self) -> int:
        """How many tasks are done at once now."""

    def submit(self, work: Callable[..., Any], /, *args: Any) -> Future[Any]: ...

    def errors(self) -> AbstractContextManager[None]:
        """Says what an error of the cluster means here."""


class Here:
    """This process, with its threads."""

    def documents(self, preparation: Preparation, listing: Iterable[Listed]) -> Iterator[Prepared]:
        return preparation.documents(listing)

    def embedder(self, here: Embedder, _: OpensEmbedder) -> Embedder:
        return here


class Workers:
    """Workers in other processes."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def documents(self, preparation: Preparation, listing: Iterable[Listed]) -> Iterator[Prepared]:
        """Prepared documents in order, some of them prepared ahead; as Preparation.documents.

        What a worker does not find is looked for here: it may see less of a folder than the process that listed it.
        """
        payload, waiting = pickle.dumps(preparation), deque[tuple[list[Listed], Future[Any]]]()
        ahead = 0
        most = GROUPS_AHEAD * max(1, self._executor.workers())
        try:
            for group in _groups(listing):
                rows = [(listed, preparation.row(listed)) for listed in group]
                waiting.append((group, self._submit(payload, "group", rows)))
                ahead += sum(listed.size for listed in group)
                while len(waiting) > most or (len(waiting) > 1 and ahead > AHEAD_BYTES):
                    ahead -= sum(listed.size for listed in waiting[0][0])
                    yield from self._found(preparation, *waiting.popleft())
            while waiting:
                yield from self._found(preparation, *waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _found(self, preparation: Preparation, group: list[Listed], future: Future[Any]) -> Iterator[Prepared]:
        for listed, prepared in zip(group, self._result(future), strict=True):
            if prepared is not None:
                yield prepared
            else:
                yield from preparation.documents([listed])

    def embedder(self, here: Embedder, opens: OpensEmbedder) -> Embedder:
        """The embedder `here`, its strings encoded by workers, which open it by `opens`."""
        return _Spread(here, opens, self)

    def encoded(self, payload: bytes, texts: Sequence[str]) -> list[Vectors]:
        """Vectors of the texts in order, in several arrays."""
        size = max(LEAST_STRINGS, -(-len(texts) // (PARTS_PER_WORKER * max(1, self._executor.workers()))))
        parts = [list(texts[first : first + size]) for first in range(0, len(texts), size)]
        futures = [self._submit(payload, "embed", part) for part in parts]
        try:
            return [self._result(future) for future in futures]
        finally:
            for future in futures:
                future.cancel()

    def _submit(self, payload: bytes, what: str, given: Any) -> Future[Any]:
        with self._executor.errors():
            return self._executor.submit(perform, (PARSER, CHUNKER), payload, what, given)

    def _result(self, future: Future[Any]) -> Any:
        """What a task returned. Raises what it refused with, UnavailableError where the workers are gone."""
        seen = time.monotonic()
        while True:
            with self._executor.errors():
                try:
                    done = future.result(_LOOK_S)
                except TimeoutError:
                    if future.done():
                        raise
                else:
                    return _accepted(done)
                if self._executor.workers():
                    seen = time.monotonic()
            if time.monotonic() - seen > NO_WORKER_S:
                raise UnavailableError(
                    f"found no worker for {NO_WORKER_S:.0f} s; expected one: start workers, or set "
                    "sync.task_runner to threads. What was committed stays"
                )


def _groups(listing: Iterable[Listed]) -> Iterator[list[Listed]]:
    """Documents for one task each, made as they are asked for."""
    group: list[Listed] = []
    size = 0
    for listed in listing:
        group.append(listed)
        size += listed.size
        if len(group) >= GROUP_DOCUMENTS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


class _Spread:
    """An embedder whose strings workers encode. Pickled, it arrives as the embedder itself, opened there."""

    def __init__(self, here: Embedder, opens: OpensEmbedder, workers: Workers) -> None:
        self._here, self._opens, self._workers = here, opens, workers
        self.fingerprint, self.dimension, self.max_tokens = here.fingerprint, here.dimension, here.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._here.count_tokens(texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        parts = self._workers.encoded(pickle.dumps(self), texts)
        return np.concatenate([np.empty((0, self.dimension), np.float32), *parts])

    def __reduce__(self) -> tuple[Callable[..., Embedder], tuple[bytes, str]]:
        return _opened, (pickle.dumps(self._opens), self.fingerprint)


# --- in a worker -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Refused:
    """An error that ragloop raises on purpose, on its way to another process: its cause may not be picklable."""

    kind: type[RagloopError]
    message: str


def _accepted(done: Any) -> Any:
    if isinstance(done, _Refused):
        raise done.kind(done.message)
    return done


_OPENING = RLock()
"""Threads of one worker open a thing once."""


def perform(versions: tuple[object, object], payload: bytes, what: str, given: Any) -> Any:
    """One task: call the method `what` of the pickled thing, which is opened once per process and kept."""
    try:
        if versions != (PARSER, CHUNKER):
            raise MismatchError(
                f"a worker has parser {PARSER} and chunker {CHUNKER}, the sync has {versions[0]} and {versions[1]}: "
                "install one ragloop everywhere"
            )
        with _OPENING:
            opened = _received(payload)
        return getattr(opened, what)(given)
    except RagloopError as error:
        return _Refused(type(error), str(error))


@lru_cache(maxsize=4)
def _received(payload: bytes) -> Any:
    return pickle.loads(payload)


@lru_cache(maxsize=2)
def _opened(opens: bytes, fingerprint: str) -> Embedder:
    embedder: Embedder = pickle.loads(opens)()
    if embedder.fingerprint != fingerprint:
        raise MismatchError(
            f"a worker opened the embedder {embedder.fingerprint}, expected {fingerprint}: "
            "install the same model everywhere"
        )
    return embedder


def model_opener(name: str, backend: str, cache: Path | None, threads: int | None) -> OpensEmbedder:
    """Opens a model by its name; `cache` of None is that of the process that opens. A worker is one of several."""
    return partial(_open_model, name, backend, cache, threads or 1)


def _open_model(name: str, backend: str, cache: Path | None, threads: int) -> Embedder:
    from ragloop.models.cache import default_cache
    from ragloop.models.embedding.runtimes import open_embedder

    chosen = None if backend == "auto" else cast("Backend", backend)
    return open_embedder(name, cache or default_cache(), backend=chosen, threads=threads)


# --- clusters --------------------------------------------------------------------------------------------------------


@contextmanager
def open_workers(
    runner: TaskRunner, address: str | None = None, processes: int | None = None
) -> Iterator[Here | Workers]:
    """The workers that a name means.

    `address` is that of a cluster, by default what DASK_SCHEDULER_ADDRESS or RAY_ADDRESS names; where neither does, a
    cluster of this machine is started, with so many processes, by default one per core. Raises UnavailableError.
    """
    if runner == "threads":
        yield Here()
        return
    opened = _dask if runner == "dask" else _ray
    with opened(address, processes or len(os.sched_getaffinity(0))) as executor:
        yield Workers(executor)


class _Dask:
    """Tasks on a Dask cluster, which tries what a dead worker had three times more."""

    def __init__(self, client: Any) -> None:
        self._client, self._executor = client, client.get_executor(pure=False)

    def workers(self) -> int:
        return sum(self._client.nthreads().values())

    def submit(self, work: Callable[..., Any], /, *args: Any) -> Future[Any]:
        future: Future[Any] = self._executor.submit(work, *args)
        return future

    @contextmanager
    def errors(self) -> Iterator[None]:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        try:
            yield
        except (KilledWorker, CommClosedError, CancelledError, OSError) as error:
            raise _lost("Dask", error) from error


@contextmanager
def _dask(address: str | None, processes: int) -> Iterator[Executor]:
    import dask
    from distributed import Client

    with ExitStack() as stack:
        cluster = address or dask.config.get("scheduler-address", None)
        if cluster is None:
            cluster = stack.enter_context(_secured_dask(processes))
        try:
            client = stack.enter_context(Client(cluster))
        except OSError as error:
            raise _lost("Dask", error) from error
        yield _Dask(client)


def _secured_dask(processes: int) -> Any:
    """Start a cluster of this machine that nobody else can use: a scheduler runs any code that it is handed.

    Each end shows a certificate that is made for this cluster and kept in memory (distributed, "TLS/SSL").
    """
    from distributed import LocalCluster

    return LocalCluster(n_workers=processes, threads_per_worker=1, security=True, dashboard_address=None)


class _Ray:
    """Tasks on a Ray cluster, which tries what a dead worker had three times more."""

    def __init__(self) -> None:
        self._remote: dict[Callable[..., Any], Any] = {}

    def workers(self) -> int:
        import ray

        return int(ray.cluster_resources().get("CPU", 0))

    def submit(self, work: Callable[..., Any], /, *args: Any) -> Future[Any]:
        import ray

        if work not in self._remote:
            self._remote[work] = ray.remote(num_cpus=1, max_retries=3)(work)
        future: Future[Any] = self._remote[work].remote(*args).future()
        return future

    @contextmanager
    def errors(self) -> Iterator[None]:
        from ray.exceptions import RayError, RayTaskError

        try:
            yield
        except RayTaskError:
            raise  # of the task, not of the cluster
        except (RayError, ConnectionError) as error:
            raise _lost("Ray", error) from error


@contextmanager
def _ray(address: str | None, processes: int) -> Iterator[Executor]:
    import ray

    started = not ray.is_initialized()
    if started:
        named = address or os.environ.get("RAY_ADDRESS")
        if not named:
            _have_ray_token()
        ours: dict[str, Any] = {} if named else {"num_cpus": processes, "include_dashboard": False}
        try:
            ray.init(address=named or "local", log_to_driver=False, **ours)
        except (ConnectionError, ValueError) as error:
            raise _lost("Ray", error) from error
    try:
        yield _Ray()
    finally:
        if started:
            ray.shutdown()


def _have_ray_token() -> None:
    """Give the clusters that this process starts a token of their own, which only its children get.

    Ray asks for one since 2.60 (ray.io, "Token authentication"), and else keeps it in ~/.ray, with the rights that the
    umask leaves.
    It is set once: Ray reads the token of a process a single time.
    """
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _lost(cluster: str, error: BaseException) -> UnavailableError:
    said = " ".join(str(error).split())[:200] or type(error).__name__
    return UnavailableError(
        f"the {cluster} cluster failed: {said}; what was committed stays: look at its workers, then run the same "
        "command again"
    )
