"""What a mirror can do, and an adapter on its way there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ragloop.hashes import sha256_of_text
from ragloop.registry.adapter import Adapter
from ragloop.registry.files import ADAPTER_CONFIG, WEIGHTS
from ragloop.registry.mirroring.plan import Holding, Move, Version
from ragloop.registry.portable import ABOUT, about, config_for_others, figures

FILES = (WEIGHTS, ADAPTER_CONFIG, ABOUT)
"""All that lies in a mirror of an adapter: safetensors and JSON."""
PEFT = "peft"


@dataclass(frozen=True)
class Portable:
    """An adapter with the folder of its files, None where only what is said of it is needed."""

    adapter: Adapter
    folder: Path | None = None

    @property
    def said(self) -> dict[str, str]:
        """All that is said of it but figures."""
        return {**about(self.adapter, PEFT), "verdict": str(self.adapter.verdict or "")}

    @property
    def figures(self) -> Mapping[str, float]:
        """The figures of its evidence."""
        return figures(self.adapter)

    @property
    def version(self) -> Version:
        """What a mirror holds of it."""
        body = json.dumps([self.said, self.figures], sort_keys=True)
        return Version(self.adapter.adapter_id, self.adapter.sha256, sha256_of_text(body)[:16])

    @property
    def weights(self) -> Path:
        """The file of its weights."""
        assert self.folder
        return self.folder / WEIGHTS

    @property
    def config(self) -> bytes:
        """PEFT's description of it."""
        assert self.folder
        return config_for_others(self.folder, self.adapter.base).encode()

    @property
    def about(self) -> bytes:
        """What stands in ABOUT."""
        row: dict[str, Any] = {**self.said, "record": self.version.record, "figures": self.figures}
        return (json.dumps(row, indent=1) + "\n").encode()


class Mirror(Protocol):
    """A place that holds adapters beside their registry; `str` gives its address, without secrets.

    Every method raises UnavailableError where the place does not answer now, and UsageError where it refuses.
    """

    def is_there(self) -> bool:
        """Return whether the place was ever used as the mirror of this store."""

    def held(self) -> Holding:
        """Look at what is there, also at what is not whole. Raises UsageError where it is of another store."""

    def add(self, one: Portable) -> None:
        """Add an adapter, in place of what is there of it; whole only when the call ends."""

    def update(self, one: Portable) -> None:
        """Say of an adapter that is there what is now known of it."""

    def point(self, move: Move) -> None:
        """Let an alias name another adapter, or none."""

    def remove(self, adapter_id: str) -> None:
        """Remove all that is there of an adapter, its files included."""
