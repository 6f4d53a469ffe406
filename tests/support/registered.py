"""An adapter as the registry knows it, without a training: files with some bytes, and the row that names them."""

from datetime import UTC, datetime

from ragloop.records import LaneName
from ragloop.registry import REGISTERED, Adapter, AdapterState, Registry, VerdictKind, adapter_sha256

AT = datetime(2026, 1, 1, tzinfo=UTC)


def register(
    registry: Registry,
    name: str,
    *,
    at: datetime = AT,
    base: str = "base",
    state: AdapterState = REGISTERED,
    verdict: VerdictKind | None = None,
    lane: LaneName = LaneName.CLOSED_BOOK,
) -> Adapter:
    """Register an adapter whose weights are of its own."""
    folder = registry.artifacts.folder / "adapters" / name
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(name.encode() * 100)
    (folder / "adapter_config.json").write_text('{"r": 8, "target_modules": ["q", "v"]}')
    made = Adapter(name, at, base, "d", f"adapters/{name}", adapter_sha256(folder), state, verdict, (), lane=lane)
    registry.register(made)
    return made
