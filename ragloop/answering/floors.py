"""The similarity below which ragloop abstains: that of the settings, or the one that was calibrated for an embedder."""

import logging
from time import monotonic

from ragloop.errors import NotFoundError, StoreDamagedError
from ragloop.reports import Reports

_log = logging.getLogger(__name__)

FLOOR = "floor"
"""The kind of report that holds a calibrated floor; its subject is the fingerprint of the embedder."""
DEFAULT = 0.35
"""What counts where none was calibrated; benchmarks/calibrate_floor.py measures it."""
_FRESH_S = 60.0
"""How long a floor is taken as it was read: a calibration takes effect within so long, without a restart."""


class Floors:
    """The floors of one store. `given` is that of the settings, None where the calibrated one counts."""

    def __init__(self, reports: Reports, given: float | None) -> None:
        self._reports, self._given = reports, given
        self._known: dict[str, tuple[float, float]] = {}

    def of(self, embedder: str) -> float:
        """Return the floor for an embedder, which is given by its fingerprint."""
        if self._given is not None:
            return self._given
        read_at, floor = self._known.get(embedder, (float("-inf"), DEFAULT))
        if monotonic() - read_at > _FRESH_S:
            floor = self._read(embedder)
            self._known[embedder] = monotonic(), floor
        return floor

    def _read(self, embedder: str) -> float:
        try:
            kept = self._reports.latest(FLOOR, embedder)
        except (StoreDamagedError, NotFoundError) as error:
            _log.warning("the floor of the similarity is %g, since a calibrated one cannot be read: %s", DEFAULT, error)
            return DEFAULT
        return float(kept.body["floor"]) if kept else DEFAULT
