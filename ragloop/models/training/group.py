"""The processes that train one adapter together: how they start, what they agree on, and what they add up.

Each has the whole base model and its share of every batch; the gradients of all are added up before each step, so a
group learns what one process learns from the same batches, but for the last digits. Each believes that it trains alone:
what transformers and accelerate do of their own in a group cuts batches otherwise, and drops or repeats rows.

The processes of a machine are started by torch.distributed.run, as those of `torchrun` and `accelerate launch` are. It
gives each a session of its own, so the kernel ends them with it. Heavy imports are made in the functions.
"""

import ctypes
import os
import re
import resource
import signal
import socket
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from ragloop.errors import UsageError
from ragloop.models.training.process import Objective, TrainingSpec

Decided = TypeVar("Decided")

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PLACE = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
"""Variables that give a process its place in a group."""
_LOOPBACK = re.compile(r"lo\d*")
_NODES = "PET_NNODES"
"""The variable of `torchrun --nnodes`; its other options are read from PET_* as well."""


class Group:
    """The place of this process among those that train; one that trains alone adds nothing up.

    The `first` writes progress, checkpoints and the adapter.
    """

    def __init__(self, rank: int = 0, size: int = 1, steps: Any = None) -> None:
        self.rank, self.size, self._steps = rank, size, steps
        self._cpu_of_others = 0.0

    @property
    def first(self) -> bool:
        """Return whether this is the process that writes."""
        return self.rank == 0

    def agreed(self, decided: Decided) -> Decided:
        """Return what the first process decided, and wait for it."""
        if self.size == 1:
            return decided
        import torch
        from torch.distributed import broadcast_object_list

        said: list[Any] = [decided]
        broadcast_object_list(said, src=0, device=torch.device("cpu"))
        found: Decided = said[0]
        return found

    def total(self, count: Any) -> Any:
        """Return the sum of a number over all processes."""
        from torch.distributed import all_reduce

        found = count.clone()
        all_reduce(found, group=self._steps)
        return found

    def alike(self, weights: Iterable[Any]) -> None:
        """Give every process the weights of the first."""
        if self.size == 1:
            return
        import torch
        from torch.distributed import broadcast

        given = list(weights)
        with torch.no_grad():
            flat = torch.cat([one.reshape(-1).float() for one in given])
            broadcast(flat, src=0, group=self._steps)
            for one, values in zip(given, torch.split(flat, [one.numel() for one in given]), strict=True):
                one.copy_(values.view_as(one))

    def summed(self, loss: Any, weights: Iterable[Any]) -> Any:
        """Add up the gradients of the weights over all processes; returns the sum of their parts of the loss."""
        if self.size == 1:
            return loss
        import torch
        from torch.distributed import all_reduce

        given = list(weights)
        for one in given:
            if one.grad is None:
                one.grad = torch.zeros_like(one)
        own = torch.stack([loss.detach().float(), loss.new_tensor(own_cpu_seconds(), dtype=torch.float32)])
        flat = torch.cat([own, *(one.grad.reshape(-1).float() for one in given)])
        all_reduce(flat, group=self._steps)
        for one, values in zip(given, torch.split(flat[2:], [one.numel() for one in given]), strict=True):
            one.grad.copy_(values.view_as(one))
        self._cpu_of_others = max(0.0, float(flat[1]) - float(own[1]))
        return flat[0].to(loss.dtype)

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of this process now, and of the others by the last step."""
        return own_cpu_seconds() + self._cpu_of_others

    def peak_mb(self) -> float:
        """Return the most memory that this process has had; that of others is not asked for."""
        return own_peak_mb()

    def leave(self) -> None:
        """End the connections to the others."""
        if self.size > 1:
            from torch.distributed import destroy_process_group

            destroy_process_group()


def own_cpu_seconds() -> float:
    """Return the CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def own_peak_mb() -> float:
    """Return the most memory that this process has had."""
    return in_mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def in_mb(maxrss: int, platform: str = sys.platform) -> float:
    """Return in megabytes what getrusage says of memory: kilobytes, and on macOS bytes."""
    return maxrss / (2**20 if platform == "darwin" else 2**10)


def processes_for(spec: TrainingSpec, wanted: int | None) -> int:
    """Return how many processes of this machine train: where none are asked for, one per GPU, and one without any.

    No process goes without a row. Answers are compared by one process: its losses are no sums over rows. Raises
    UsageError where a machine has fewer GPUs than are asked for.
    """
    if spec.objective == Objective.PREFERENCES or wanted == 1:
        return 1
    import torch

    gpus = torch.cuda.device_count()
    if wanted is not None and 0 < gpus < wanted:
        raise UsageError(f"training.processes is {wanted}, and this machine has {gpus} GPUs; set it to auto")
    return min(wanted or max(1, gpus), spec.batch_size)


def is_placed() -> bool:
    """Return whether a launcher has given this process a place in a group."""
    return "RANK" in os.environ


def spans_nodes() -> bool:
    """Return whether the group has processes on other machines."""
    return os.environ.get(_NODES, "1") != "1"


def become_launcher(processes: int, arguments: Sequence[str]) -> None:
    """Become the process that starts a group of workers and ends all of them when one fails."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    if not spans_nodes():
        # By its own choice it would look up the name of this machine, which containers often cannot.
        command += ["--standalone", "--local-addr", "127.0.0.1"]
        if name := loopback(one for _, one in socket.if_nameindex()):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    os.execv(sys.executable, [*command, "-m", "ragloop.models.training.worker", *arguments])


def loopback(names: Iterable[str]) -> str:
    """Return which of these interfaces leads back to this machine: lo on Linux, lo0 on macOS; empty where none does."""
    return next((one for one in names if _LOOPBACK.fullmatch(one)), "")


def take_place(wait_s: float) -> Group:
    """Join the group that a launcher placed this process in; without one it trains alone, on one GPU at most.

    `wait_s` is how long the others may wait for what the first decides.
    """
    rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    _see_one_gpu(int(os.environ.get("LOCAL_RANK", "0")))
    if is_placed() and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if size == 1:
        _believe_to_be_alone()
        return Group()
    import torch
    from torch.distributed import init_process_group, new_group

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    init_process_group(backend, timeout=timedelta(seconds=wait_s), rank=rank, world_size=size)
    _believe_to_be_alone()
    return Group(rank, size, new_group())


def _see_one_gpu(index: int) -> None:
    """Leave this process one GPU: with several, transformers splits each batch among them by threads."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    known = [str(index)] * (index + 1) if seen is None else seen.split(",")
    if index < len(known):
        os.environ["CUDA_VISIBLE_DEVICES"] = known[index]


def _believe_to_be_alone() -> None:
    for name in [one for one in os.environ if one in _PLACE or one.startswith("ACCELERATE_")]:
        del os.environ[name]
