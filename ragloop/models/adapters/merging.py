"""Several adapters of one base model, merged into one by PEFT's methods.

https://huggingface.co/docs/peft/developer_guides/model_merging describes them. Only safetensors are read and written.
The base model's weights are not read: a merge needs the shapes of the layers that the adapters lie on. So it takes the
memory of the adapters, whatever the base.
"""

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ragloop.errors import UsageError
from ragloop.models.adapters.peft_models import peft_models
from ragloop.models.chat import cannot_be_loaded
from ragloop.registry.files import ADAPTER_CONFIG, is_dora

_DENSITY = 0.5
_MERGED = "default"
"""Name of the merged adapter in PEFT, which saves this one in the folder itself."""


class Method(StrEnum):
    """What PEFT calls a combination type."""

    SVD = "svd"
    """The weighted sum, cut back to the largest rank among those merged."""
    CAT = "cat"
    """The weighted sum, exactly: its rank is the sum of their ranks."""
    LINEAR = "linear"
    """Sums of the two factors of each layer, apart: an approximation."""
    TIES = "ties"
    """Largest values, then those with the sign of the majority (arXiv:2306.01708)."""
    TIES_SVD = "ties_svd"
    DARE_LINEAR = "dare_linear"
    """Values drawn at random, scaled up for those that are not (arXiv:2311.03099)."""
    DARE_LINEAR_SVD = "dare_linear_svd"
    DARE_TIES = "dare_ties"
    DARE_TIES_SVD = "dare_ties_svd"
    MAGNITUDE_PRUNE = "magnitude_prune"
    """Largest values."""
    MAGNITUDE_PRUNE_SVD = "magnitude_prune_svd"

    @property
    def prunes(self) -> bool:
        """Return whether it leaves out a share of the values, and so takes a density."""
        return self.startswith(("ties", "dare", "magnitude"))

    @property
    def draws(self) -> bool:
        """Return whether chance decides what it leaves out."""
        return self.startswith("dare")

    @property
    def takes_any_rank(self) -> bool:
        """Return whether the adapters may have different ranks."""
        return self is Method.CAT or self.endswith("svd")

    @property
    def averages(self) -> bool:
        """Return whether it divides by the number of adapters itself, as methods with signs of a majority do."""
        return "ties" in self


@dataclass(frozen=True)
class Merging:
    """How adapters are merged, in which order; `density` is None where the method leaves nothing out, `seed` where
    nothing is drawn."""

    method: Method
    weights: tuple[float, ...]
    density: float | None
    seed: int | None

    @classmethod
    def of(cls, number: int, method: str, weights: Sequence[float], density: float | None, seed: int) -> "Merging":
        """Check what is wanted for a number of adapters. Without weights all count alike.

        Raises UsageError for what does not fit: the method, the number of weights, a value of theirs, the density.
        """
        if method not in tuple(Method):
            raise UsageError(f"found the method {method!r}, expected one of {', '.join(Method)}")
        known = Method(method)
        if weights and len(weights) != number:
            raise UsageError(f"found {len(weights)} weights for {number} adapters, expected one for each, or none")
        if wrong := [one for one in weights if not math.isfinite(one) or one == 0]:
            raise UsageError(f"found the weight {wrong[0]:g}, expected a number other than 0; leave that adapter out")
        if density is not None and not known.prunes:
            raise UsageError(f"found a density for the method {known}, which leaves nothing out; leave --density out")
        if density is not None and not 0 < density <= 1:
            raise UsageError(f"found the density {density:g}, expected a share above 0 and up to 1")
        alike = 1.0 if known.averages else 1 / number
        return cls(
            known,
            tuple(weights) or (alike,) * number,
            (density or _DENSITY) if known.prunes else None,
            seed if known.draws else None,
        )


def must_be_mergeable(method: Method, folders: Mapping[str, Path]) -> None:
    """Raise UsageError where PEFT merges one of these adapters, by id, with no other, or they have different ranks and
    the method takes no such ones."""
    if dora := [name for name, folder in folders.items() if is_dora(folder)]:
        raise UsageError(
            f"adapter {dora[0]} was trained by the method dora, and PEFT merges no such ones; train with the method "
            "lora or rslora to merge"
        )
    ranks = {name: _rank(folder) for name, folder in folders.items()}
    if len(set(ranks.values())) > 1 and not method.takes_any_rank:
        found = ", ".join(f"{rank} ({name})" for name, rank in ranks.items())
        others = ", ".join(one for one in Method if one.takes_any_rank)
        raise UsageError(f"found the ranks {found}, expected one rank for the method {method}; {others} take any")


def merge(folders: Sequence[Path], merging: Merging, place: Path | str, target: Path) -> int:
    """Merge adapters of the base model at `place`, a folder or hub name, into the folder `target`; return the rank.

    Equal adapters in the same order give equal bytes. Raises UsageError where PEFT refuses, NotFoundError where
    transformers cannot read the base model's configuration.
    """
    import torch

    names = [f"from_{number}" for number in range(len(folders))]
    # PEFT fills new layers with random numbers before it sets them.
    with _peft_models() as kind, torch.random.fork_rng(devices=[]):
        torch.manual_seed(merging.seed or 0)
        model = _with_adapters(kind, _shapes(place), dict(zip(names, folders, strict=True)))
        _lie_on_the_same_layers(model, names)
        try:
            model.add_weighted_adapter(
                names,
                list(merging.weights),
                _MERGED,
                combination_type=str(merging.method),
                density=merging.density,
                svd_full_matrices=False,
            )
        except ValueError as error:
            raise UsageError(f"PEFT cannot merge these adapters by {merging.method}: {error}") from error
        _must_have_rank(model, model.peft_config[_MERGED].r)
        model.save_pretrained(target, selected_adapters=[_MERGED])
    (target / "README.md").unlink(missing_ok=True)  # PEFT's model card: empty headings
    _write_in_order(target / ADAPTER_CONFIG)
    return _rank(target)


@contextmanager
def _peft_models() -> Iterator[Any]:
    with peft_models() as kind:
        warnings.filterwarnings("ignore", "The density 1.0 is greater than or equal to 1", UserWarning)
        yield kind


def _shapes(place: Path | str) -> Any:
    """Return the base model in float32 with zeros for weights that take no memory; code from hubs is never run."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(str(place))
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config)
    except (OSError, ValueError) as error:
        raise cannot_be_loaded(place, error) from error
    zero = torch.zeros((), dtype=torch.float32)
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            setattr(module, name, torch.nn.Parameter(zero.expand(weight.shape), requires_grad=False))
    return model


def _with_adapters(kind: Any, model: Any, folders: Mapping[str, Path]) -> Any:
    (first, folder), *others = folders.items()
    wrapped = kind.from_pretrained(model, str(folder), adapter_name=first, torch_device="cpu")
    for name, other in others:
        wrapped.load_adapter(str(other), adapter_name=name, torch_device="cpu")
    return wrapped


def _lie_on_the_same_layers(model: Any, names: Sequence[str]) -> None:
    """Name all layers of all adapters, where they differ: PEFT would merge on those of the first alone."""
    configs = [model.peft_config[name] for name in names]
    if all(_layers(one) == _layers(configs[0]) for one in configs):
        return
    found = {key.removeprefix("base_model.model.") for key, one in model.named_modules() if hasattr(one, "lora_A")}
    for one in configs:
        one.target_modules, one.layers_to_transform = set(found), None


def _must_have_rank(model: Any, rank: int) -> None:
    """Raise UsageError where a layer is narrower than the rank: a decomposition gives it a smaller one."""
    merged = (one.lora_A[_MERGED].weight for one in model.modules() if _MERGED in getattr(one, "lora_A", ()))
    if (least := min(len(one) for one in merged)) < rank:
        raise UsageError(
            f"found a layer that takes rank {least} at most, expected {rank}, the largest of those merged; merge by "
            f"{Method.CAT}"
        )


def _layers(config: Any) -> tuple[Any, Any]:
    return config.target_modules, config.layers_to_transform


def _rank(folder: Path) -> int:
    return int(json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))["r"])


def _write_in_order(file: Path) -> None:
    """Write a configuration of PEFT in one order: it keeps names of modules in a set."""
    found = json.loads(file.read_text(encoding="utf-8"))
    values = {name: sorted(one) if isinstance(one, list) else one for name, one in found.items()}
    file.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
