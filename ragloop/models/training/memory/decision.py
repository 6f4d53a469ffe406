"""Whether a training fits, whether it needs gradient checkpointing, and what would fit where it does not. Pure."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ragloop.errors import UsageError
from ragloop.models.training.memory.batches import Length, alike, mixed
from ragloop.models.training.memory.estimate import Batch, Estimate, Layout, Way, estimate
from ragloop.wording import counted

_GIB, _MIB = 2**30, 2**20
_CHECKPOINTS = "gradient_checkpointing"
_SHARES = (0.25, 0.5, 0.75, 0.9)
"""Of the layers that get no adapter, as advice."""


@dataclass(frozen=True)
class Demand:
    """A training, as far as its memory goes. `checkpoints` is what the settings say, None where they leave it open;
    `able` whether the model can do without its activations."""

    layout: Layout
    way: Way
    lengths: Sequence[Length]
    batch_size: int
    checkpoints: bool | None
    able: bool

    def needs(self, *, checkpoints: bool) -> Estimate:
        """Estimate what one process takes."""
        return estimate(self.layout, replace(self.way, checkpoints=checkpoints), self._batches())

    def least(self) -> Estimate:
        """Estimate what one process takes at least, by what the settings allow."""
        return self.needs(checkpoints=self.able and self.checkpoints is not False)

    def _batches(self) -> list[Batch]:
        if self.way.compares:
            return mixed(self.lengths, self.batch_size)
        return alike(self.lengths, self.batch_size, self.way.processes)


@dataclass(frozen=True)
class Place:
    """Where a training runs: the device, the precision of its passes, the bytes that are free there, and the processes
    that share them."""

    device: str
    precision: str
    free: int
    sharing: int

    @property
    def each(self) -> int:
        """The bytes that are free for one process."""
        return self.free // self.sharing


@dataclass(frozen=True)
class Plan:
    """How a training goes on: where, with how much memory, and with gradient checkpointing or without."""

    place: Place
    needs: Estimate
    checkpoints: bool

    def said(self) -> str:
        """Say so, in a line."""
        where = f"trains on {self.place.device} in {self.place.precision}"
        needed, free = self.needs.total * self.place.sharing, self.place.free
        how = ", with gradient checkpointing" if self.checkpoints else ""
        return f"{where}, about {_size(needed)} of {_size(free)}{how}"

    def noted(self) -> dict[str, str | float | bool]:
        """Return what the record of a training holds of it."""
        return {
            "device": self.place.device,
            "precision": self.place.precision,
            "memory_estimated_mb": round(self.needs.total / _MIB, 1),
            "gradient_checkpointing": self.checkpoints,
        }


def decide(demand: Demand, place: Place) -> Plan:
    """Decide how a training is carried out. Raises UsageError, with what would fit, where it does not."""
    if demand.checkpoints and not demand.able:
        raise UsageError(
            "training.gradient_checkpointing is true, and this base model does not support it; set it to auto"
        )
    checkpoints = bool(demand.checkpoints)
    if demand.checkpoints is None:
        checkpoints = demand.able and demand.needs(checkpoints=False).total > place.each
    needs = demand.needs(checkpoints=checkpoints)
    if needs.total > place.each:
        raise UsageError(f"{_refused(needs, place, checkpoints=checkpoints)}; {_advice(demand, place)}")
    return Plan(place, needs, checkpoints)


def _refused(needs: Estimate, place: Place, *, checkpoints: bool) -> str:
    parts = ", ".join(f"{name} {_size(size)}" for name, size in needs.parts().items() if size >= needs.total / 100)
    who = f"each of {place.sharing} processes that train" if place.sharing > 1 else "training"
    how = " even with gradient checkpointing" if checkpoints else ""
    free = f"{_size(place.each)} free{' for each' * (place.sharing > 1)}"
    return f"{who} needs about {_size(needs.total)}{how} ({parts}), found {free} on {place.device}"


def _advice(demand: Demand, place: Place) -> str:
    """Say what would fit, what costs a training least before the rest."""
    for option in _options(demand, place):
        if option.demand.least().total <= option.place.each:
            setting = ", ".join(f"training.{name} = {value}" for name, value in option.settings.items())
            return f"{option.what} would fit: set {setting}"
    return _shorter(demand, place)


@dataclass(frozen=True)
class _Option:
    """Another way to train, with the settings that lead to it."""

    what: str
    settings: dict[str, str | int | float]
    demand: Demand
    place: Place


def _options(demand: Demand, place: Place) -> Iterator[_Option]:
    opened: dict[str, str | int | float] = {} if demand.checkpoints is not False else {_CHECKPOINTS: '"auto"'}
    freer = replace(demand, checkpoints=None)
    if opened:
        yield _Option("gradient checkpointing", opened, freer, place)
    if place.sharing > 1:
        alone = replace(freer, way=replace(freer.way, processes=1))
        yield _Option("one process", {**opened, "processes": 1}, alone, replace(place, sharing=1))
    if size := _largest(freer, place):
        smaller = replace(freer, batch_size=size)
        yield _Option(f"a batch of {counted(size, 'row')}", {**opened, "batch_size": size}, smaller, place)
    for share in _SHARES:
        layout = demand.layout.trained_from(int(share * demand.layout.layers))
        if layout.first > demand.layout.first:
            settings = {**opened, "batch_size": 1, "frozen_share": share}
            what = f"a row at a time, with adapters in {layout.trained} of {layout.layers} layers,"
            yield _Option(what, settings, replace(freer, batch_size=1, layout=layout), place)


def _largest(demand: Demand, place: Place) -> int:
    """Return the most rows, fewer than asked for, that fit into a batch; 0 where none does."""
    sizes = range(1, demand.batch_size)
    return bisect_left(sizes, True, key=lambda size: not _fits(demand, size, place))


def _fits(demand: Demand, batch_size: int, place: Place) -> bool:
    return replace(demand, batch_size=batch_size).least().total <= place.each


def _shorter(demand: Demand, place: Place) -> str:
    """Say how long a row may be that fits by itself, and what else there is to do."""
    alone = replace(demand, checkpoints=None, batch_size=1)
    fitting = bisect_left(demand.lengths, True, key=lambda row: not _fits(replace(alone, lengths=[row]), 1, place))
    rows = f"rows of up to {demand.lengths[fitting - 1].tokens:,} tokens" if fitting else "no row"
    return (
        f"{rows} would fit one at a time, the longest has {demand.lengths[-1].tokens:,}: name a smaller model in "
        "model.base, or train where there is more memory"
    )


def _size(size: int) -> str:
    return f"{size / _GIB:.1f} GB" if size >= _GIB else f"{size / _MIB:.0f} MB"
