"""How much memory a process may still take, on this machine or on its GPU, and how it takes less."""

import ctypes
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc/self")
CGROUPS = Path("/sys/fs/cgroup")
_M_MMAP_THRESHOLD = -3  # mallopt(3)
_MAPPED_FROM = 2**20


def available_bytes(device: str, sharing: int) -> int:
    """Return what is free on a device: of a GPU what its driver says, else the least of what the machine has available
    and what the limits of this process leave.

    What the process has already counts as free; `sharing` processes like this one have as much each.
    """
    if device != "cpu":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    left: list[int] = [psutil.virtual_memory().available]
    if sys.platform == "linux":
        left += left_by_cgroups()
    memory = psutil.Process().memory_info()
    own: int = memory.rss - getattr(memory, "shared", 0)  # shared pages are files, so they are available as well
    return min(left) + own * sharing


def peak_mb() -> float:
    """Return the most memory that this process has had.

    Of what getrusage says, the most that its parent had when it started this process is a part.
    """
    if sys.platform == "linux":
        for line in (PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return in_mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def in_mb(maxrss: int, platform: str = sys.platform) -> float:
    """Return in megabytes what getrusage says of memory: kilobytes, and on macOS bytes."""
    return maxrss / (2**20 if platform == "darwin" else 2**10)


def give_back_at_once() -> None:
    """Have what this process frees go back to the system, where the C library is glibc.

    By itself it keeps the tensors of a layer, up to 32 MB each, for the next ones. Between those that stay they leave
    gaps: trainings with gradient checkpointing took twice the memory. To map each tensor anew takes over twice the CPU
    time.
    """
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)


def left_by_cgroups(proc: Path = PROC, root: Path = CGROUPS) -> list[int]:
    """Return what each memory limit of the cgroups that this process is in leaves, of version 2 and of version 1.

    A limit holds for all below it, so every group up to the root is looked at. What the kernel caches of files counts
    as free: it is given up first.
    """
    left: list[int] = []
    for line in (proc / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            left += _left(root, path, "memory.max", "memory.current", "")
        elif "memory" in controllers.split(","):
            left += _left(root / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
    return left


def _left(root: Path, path: str, limit: str, used: str, prefix: str) -> Iterator[int]:
    # In a container the path may be that of the host, while the root is the container's own group.
    for group in [root.joinpath(*Path(path).parts[1:]), *root.joinpath(*Path(path).parts[1:]).parents]:
        if not group.is_relative_to(root):
            return
        try:
            most = (group / limit).read_text().strip()
            if most != "max":
                yield max(0, int(most) - int((group / used).read_text()) + _cached(group, prefix))
        except OSError:
            continue  # a limit that cannot be read is none that is known


def _cached(group: Path, prefix: str) -> int:
    stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    return sum(int(stat.get(prefix + name, 0)) for name in ("active_file", "inactive_file"))
