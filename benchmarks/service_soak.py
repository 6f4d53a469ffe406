"""Does the service lose an answer that it gave? The claim: none, and its memory stays flat.

    python benchmarks/service_soak.py [--minutes 10] [--callers 4] [--kills 4]

Runs `ragloop serve` in a process of its own over a home with two adapters of a small model. Callers ask all the time;
meanwhile documents are edited and synced every few seconds, the champion is promoted and rolled back, and the process
is killed by SIGKILL and started again. At the end each answer that a caller got must be in the log. A request that the
kill cut is not counted as failed; any other that is not answered with 200 is.
"""

import argparse
import itertools
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support import adapter_home  # noqa: E402 - the path is set above

RAGLOOP = Path(sys.executable).with_name("ragloop")
SYNCED_S, SWAPPED_S, STARTS_S = 5.0, 15.0, 120.0
WARM_S = 30.0
"""What a process takes in its first seconds is its start, not growth."""


class Process:
    """The service as a process that is killed and started again on the same port."""

    def __init__(self, place: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address, self._place = f"http://127.0.0.1:{self.port}", place
        self.memory: list[list[tuple[float, float]]] = []
        self.down = threading.Event()
        self._start()

    def _start(self) -> None:
        home, config = self._place / "home", self._place / "ragloop.toml"
        command: list[str | Path] = [RAGLOOP, "--home", home, "--config", config, "serve", "--port", str(self.port)]
        with (self._place / "service.txt").open("a") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=said)
        until = time.monotonic() + STARTS_S
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.address}/readyz", timeout=2).status_code == 200:
                    self.memory.append([])
                    self.down.clear()
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise SystemExit(f"the service did not start: {(self._place / 'service.txt').read_text()[-2000:]}")

    def kill(self) -> None:
        """End it as the kernel does, and start it again."""
        self.down.set()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._start()

    def sample(self) -> None:
        """Note the resident memory in MB."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        self.memory[-1].append((time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE") / 2**20))

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()


class Soak:
    """What goes on at once, and what came of it."""

    def __init__(self, place: Path, service: Process, seconds: float) -> None:
        self.place, self.service, self.until = place, service, time.monotonic() + seconds
        self.acknowledged: set[str] = set()
        self.came, self.latencies = Counter[str](), list[float]()
        self._number = itertools.count()
        self._held = threading.Lock()

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    def ask(self) -> None:
        with httpx.Client(base_url=self.service.address, timeout=60) as api:
            while self.goes_on:
                self._ask_once(api)

    def _ask_once(self, api: httpx.Client) -> None:
        question = f"Who keeps the bees of page {next(self._number)}?"
        began = time.monotonic()
        try:
            reply = api.post(
                "/v1/chat/completions", json={"model": "ragloop", "messages": [{"role": "user", "content": question}]}
            )
        except httpx.TransportError as error:
            self._note("cut by a kill" if self.service.down.is_set() else f"failed: {type(error).__name__}")
            time.sleep(0.3)
            return
        if reply.status_code != 200:
            self._note(f"failed: status {reply.status_code}")
            return
        extras = reply.json()["ragloop"]
        with self._held:
            self.acknowledged.add(extras["interaction_id"])
            self.latencies.append(time.monotonic() - began)
        self._note(f"answered by {extras['adapter']}")

    def _note(self, what: str) -> None:
        with self._held:
            self.came[what] += 1

    def sync(self) -> None:
        app = adapter_home.app_of(self.place)
        for number in itertools.count():
            if not self.goes_on:
                return
            page = self.place / "documents" / f"{random.randrange(40)}.md"
            page.write_text(f"# Page {number}\n\nAda keeps the bees of page {number} since {number}.\n")
            assert app.corpus.sync(self.place / "documents").complete
            self._note("syncs")
            time.sleep(SYNCED_S)

    def swap(self) -> None:
        registry = adapter_home.app_of(self.place).registry
        for name in itertools.cycle(("early", "later")):
            if not self.goes_on:
                return
            registry.promote(name, "soak")
            self._note("promotions")
            time.sleep(SWAPPED_S)

    def watch(self, kills: int) -> None:
        length = self.until - time.monotonic()
        due = [self.until - length * (kills - number) / (kills + 1) for number in range(kills)]
        while self.goes_on:
            if due and time.monotonic() > due[0]:
                due.pop(0)
                self.service.kill()
                self._note("kills")
            self.service.sample()
            time.sleep(0.5)


def growth(samples: list[tuple[float, float]]) -> str:
    """Say the median memory of the first and the last fifth of a process's life after its start."""
    warm = [memory for at, memory in samples if at - samples[0][0] >= WARM_S]
    if len(warm) < 10:
        return "too short"
    fifth = max(1, len(warm) // 5)
    first, last = statistics.median(warm[:fifth]), statistics.median(warm[-fifth:])
    return f"{first:.0f} → {last:.0f} MB ({last / first - 1:+.1%}) in {samples[-1][0] - samples[0][0]:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=4)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        made.mkdir()
        place = adapter_home.promoted(adapter_home.make_home(made), Path(folder) / "place")
        service = Process(place)
        soak = Soak(place, service, asked.minutes * 60)
        work = [threading.Thread(target=one) for one in (*[soak.ask] * asked.callers, soak.sync, soak.swap)]
        for one in work:
            one.start()
        soak.watch(asked.kills)
        for one in work:
            one.join()
        service.end()
        logged = set(adapter_home.app_of(place).journal.interactions()["interaction_id"].to_pylist())
    lost = soak.acknowledged - logged
    print(f"answers that callers got: {len(soak.acknowledged):,}; of them not in the log: {len(lost)}")
    print("; ".join(f"{what}: {count:,}" for what, count in sorted(soak.came.items())))
    p50, p95 = (statistics.quantiles(soak.latencies, n=20)[place] * 1000 for place in (9, 18))
    print(f"p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    for number, samples in enumerate(service.memory, 1):
        print(f"process {number}: {growth(samples)}")
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
