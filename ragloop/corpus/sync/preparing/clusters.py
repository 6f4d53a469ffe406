"""The workers that a name means: threads of this process, a Dask or a Ray cluster."""

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, ParamSpec, TypeVar

from ragloop.corpus.sync.preparing.workers import Executor, Here, Workers
from ragloop.errors import UnavailableError

P = ParamSpec("P")
T = TypeVar("T")
TaskRunner = Literal["threads", "dask", "ray"]


@contextmanager
def open_workers(
    runner: TaskRunner, address: str | None = None, processes: int | None = None
) -> Iterator[Here | Workers]:
    """Open the workers that a name means.

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

    def submit(self, work: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> Future[T]:
        future: Future[T] = self._executor.submit(work, *args, **named)
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

    def submit(self, work: Callable[P, T], /, *args: P.args, **named: P.kwargs) -> Future[T]:
        import ray

        if work not in self._remote:
            self._remote[work] = ray.remote(num_cpus=1, max_retries=3)(work)
        future: Future[T] = self._remote[work].remote(*args, **named).future()
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
