"""The generator that runs on this machine: a causal language model of transformers, with or without LoRA adapters.

Reading a base model for use and for training is here too, so that both see the same weights and the same chat format.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragloop.errors import MismatchError, NotFoundError
from ragloop.models.adapters.peft_models import peft_models
from ragloop.models.chat import Chat, cannot_be_loaded, load_chat, other_chat
from ragloop.models.generation.wanted import is_wanted
from ragloop.models.training.process import RESULT
from ragloop.records import Draft, Prompt

log = logging.getLogger(__name__)


@dataclass
class _Base:
    """A loaded model and what must not happen twice at once on it.

    `wrapped` is PEFT's wrapper while there is any adapter: the adapters live inside the layers of `model`, whoever
    calls it. `adapters` maps adapter ids to their folders, `recipes` to the recipes that they were trained by, `names`
    to what PEFT calls them: ids may hold dots, which names of modules may not.
    """

    model: Any
    chat: Chat
    wrapped: Any = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    adapters: dict[str, Path] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    recipes: dict[str, str] = field(default_factory=dict)


class LocalGenerator:
    """Drafts from a causal language model on this machine; greedy, so equal prompts give equal drafts.

    `base` is a folder or a hub name, `name` is what the log calls it. Prompts are answered in batches of at most
    `batch_size`, longest first, padded on the left. `threads` bounds torch for the whole process. Loads on first use;
    raises NotFoundError when the model is not there.
    """

    def __init__(
        self,
        base: Path | str,
        *,
        name: str,
        max_new_tokens: int = 64,
        batch_size: int = 25,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        if max_new_tokens < 1 or batch_size < 1:
            raise ValueError(f"max_new_tokens ({max_new_tokens}) and batch_size ({batch_size}) must be at least 1")
        self._place = base
        self._name = name
        self._max_new_tokens = max_new_tokens
        self._batch_size = batch_size
        self._threads = threads
        self._device = device
        self._adapter: str | None = None
        self._shared: _Shared = _Shared()

    @property
    def model(self) -> str:
        return self._name

    @property
    def adapter(self) -> str | None:
        return self._adapter

    @property
    def recipe(self) -> str:
        """The recipe that the adapter was trained by; empty without one, and where nothing says it."""
        return self._loaded().recipes[self._adapter] if self._adapter else ""

    @property
    def fingerprint(self) -> str:
        weights, worn = _weights(self._place), self._adapter or "no adapter"
        return f"{self._name} {weights}, {worn}, chat {self.chat}, {self._max_new_tokens} tokens"

    @property
    def chat(self) -> str:
        """Fingerprint of the base model's chat format; its weights are not loaded for it."""
        with self._shared.lock:
            if self._shared.chat is None:
                self._shared.chat = self._shared.base.chat if self._shared.base else load_chat(self._place)
            return self._shared.chat.fingerprint

    def wearing(self, adapter_id: str, path: Path) -> "LocalGenerator":
        """Return a view on the same weights that answers through the PEFT adapter in `path`; this one stays as it is.

        An id stands for one folder for ever: another folder under a known id raises MismatchError. A folder without
        adapter raises NotFoundError, one that does not fit the base model or its chat format MismatchError.
        """
        if not (path / "adapter_config.json").is_file():
            raise NotFoundError(
                f"{path} holds no adapter_config.json; expected a folder that training wrote: "
                "train again, or roll back to an adapter that is there"
            )
        base = self._loaded()
        with base.lock:
            _load_adapter(base, adapter_id, path.resolve())
        view = LocalGenerator.__new__(LocalGenerator)
        view.__dict__.update(self.__dict__)
        view._adapter = adapter_id
        return view

    def taking_off(self, adapter_id: str) -> None:
        """Free the memory of an adapter that no view uses any more; unknown ids are ignored."""
        base = self._loaded()
        with base.lock:
            if base.adapters.pop(adapter_id, None) is None:
                return
            if base.adapters:
                # PEFT warns when it deletes the active adapter.
                base.wrapped.set_adapter(base.names[next(iter(base.adapters))])
                base.wrapped.delete_adapter(base.names[adapter_id])
            else:
                base.model, base.wrapped = base.wrapped.unload(), None

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft per prompt, in order."""
        if not prompts:
            return []
        base = self._loaded()
        tokens = [base.chat.prompt(prompt.messages or _as_messages(prompt)) for prompt in prompts]
        longest_first = sorted(range(len(prompts)), key=lambda i: (-len(tokens[i]), i))
        drafts: dict[int, Draft] = {}
        with base.lock, _switched(base, self._adapter):
            for start in range(0, len(longest_first), self._batch_size):
                batch = longest_first[start : start + self._batch_size]
                drafts.update(zip(batch, self._continue(base, [tokens[i] for i in batch]), strict=True))
                if len(prompts) > self._batch_size:
                    log.info("answered %d of %d questions", len(drafts), len(prompts))
        return [drafts[i] for i in range(len(prompts))]

    def _continue(self, base: _Base, batch: list[list[int]]) -> list[Draft]:
        import torch

        width = max(map(len, batch))
        pad = base.chat.tokenizer.pad_token_id
        device = base.model.device
        padded = torch.tensor([[pad] * (width - len(ids)) + ids for ids in batch], device=device)
        seen = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in batch], device=device)
        with torch.inference_mode():
            written = base.model.generate(
                input_ids=padded,
                attention_mask=seen,
                max_new_tokens=self._max_new_tokens,
                do_sample=False,
                pad_token_id=pad,
                eos_token_id=_stops(base),
                stopping_criteria=[_unwanted],
            )
        rows = [_until_stop(row, _stops(base)) for row in written[:, width:].tolist()]
        return [
            Draft(base.chat.text(row), prompt_tokens=len(ids), completion_tokens=len(row))
            for ids, row in zip(batch, rows, strict=True)
        ]

    def _loaded(self) -> _Base:
        with self._shared.lock:
            if self._shared.base is None:
                self._shared.base = self._load()
            return self._shared.base

    def _load(self) -> _Base:
        wait_without_spinning()
        import torch

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        model, chat = load_base(self._place, device=self._device)
        model.eval()
        return _Base(model, chat)


@dataclass
class _Shared:
    """What a generator and its views hold in common: the base model and its chat format, once they are loaded."""

    base: _Base | None = None
    chat: Chat | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def _weights(base: Path | str) -> str:
    """Return the size and time of a folder's weight files; the name alone for a model of a hub."""
    found = [(path.name, path.stat()) for path in sorted(Path(base).glob("*.safetensors"))]
    return ", ".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in found) or str(base)


def wait_without_spinning() -> None:
    """Let OpenMP threads that wait yield the core; works if called before torch is imported, and only then.

    Answering 30 short questions on two cores that other processes used as well took 48-122 s (23-35 s of CPU) spinning
    and 11-19 s (5 s of CPU) yielding, in turns, three times each.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def load_base(place: Path | str, device: str | None = None) -> tuple[Any, Chat]:
    """Load model and chat format of a base model; as load_model and load_chat, which see the same files."""
    chat = load_chat(place)
    return load_model(place, device), chat


def load_model(place: Path | str, device: str | None = None, quantization: Any = None) -> Any:
    """Load a base model in `best_dtype` of the device; code from hubs is never run.

    `quantization` is the configuration of transformers for fewer bits, which takes accelerate. Raises NotFoundError
    when transformers cannot find or read the model.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # stderr belongs to the progress of the command
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        fewer_bits = {"quantization_config": quantization, "device_map": {"": device}} if quantization else {}
        model: Any = AutoModelForCausalLM.from_pretrained(str(place), dtype=best_dtype(device), **fewer_bits)
    except (OSError, ValueError) as error:
        raise cannot_be_loaded(place, error) from error
    return model if quantization else model.to(device)


def best_dtype(device: str) -> Any:
    """Return bfloat16 where the processor multiplies it in hardware, else float32.

    Without AVX512-BF16 or AMX, bfloat16 matrix products were measured 50 times slower than float32.
    """
    import torch

    if device != "cpu":
        return torch.bfloat16
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def _as_messages(prompt: Prompt) -> list[Mapping[str, str]]:
    return [{"role": "user", "content": prompt.question}]


def _stops(base: _Base) -> list[int]:
    configured = base.model.generation_config.eos_token_id
    stops = configured if isinstance(configured, list) else [configured]
    return sorted({stop for stop in [*stops, *base.chat.stops] if stop is not None})


def _unwanted(written: Any, scores: Any, **given: Any) -> Any:
    """Tell transformers, after each token, to end every row once nobody waits for it."""
    import torch

    return torch.full((written.shape[0],), not is_wanted(), device=written.device, dtype=torch.bool)


def _until_stop(row: list[int], stops: list[int]) -> list[int]:
    # Rows that stopped early are padded to the longest of their batch; what follows the stop is not an answer.
    return next((row[:i] for i, token in enumerate(row) if token in stops), row)


def _load_adapter(base: _Base, adapter_id: str, path: Path) -> None:
    known = base.adapters.get(adapter_id)
    if known == path:
        return
    if known is not None:
        raise MismatchError(
            f"adapter {adapter_id!r} is loaded from {known} and cannot be loaded from {path}: an adapter id stands "
            "for one folder; register the other folder under an id of its own"
        )
    _check_chat(base.chat, path)
    _check_fits(base.model, path)
    name = base.names.setdefault(adapter_id, f"adapter_{len(base.names)}")
    base.wrapped = _with_adapter(base, name, path)
    base.recipes[adapter_id] = str(_training(path).get("spec", {}).get("recipe", ""))
    base.adapters[adapter_id] = path


def _check_chat(chat: Chat, path: Path) -> None:
    """Raise MismatchError where the adapter learned answers to prompts that were rendered in another way."""
    if not (found := _training(path)):
        return  # made by something else: nothing says what it was trained with
    trained = found.get("result", {}).get("chat", "")
    if why := other_chat(f"the adapter in {path}", trained, chat.fingerprint):
        raise MismatchError(why)


def _training(path: Path) -> dict[str, Any]:
    """Read what a training left of itself in the folder of an adapter; nothing where something else made it."""
    try:
        return dict(json.loads((path / RESULT).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def _check_fits(model: Any, path: Path) -> None:
    # Looked at before PEFT touches the model, because an adapter that fails half-way leaves its layers in it.
    from safetensors import safe_open

    layers = dict(model.named_modules())
    with safe_open(path / "adapter_model.safetensors", "pt") as weights:
        for key in weights.keys():  # noqa: SIM118 - not a dict
            name, _, part = key.removeprefix("base_model.model.").partition(".lora_")
            layer, shape = layers.get(name), weights.get_slice(key).get_shape()
            side = ("in_features", shape[-1]) if part.startswith("A") else ("out_features", shape[0])
            if getattr(layer, side[0], None) != side[1]:
                raise MismatchError(
                    f"the adapter in {path} does not fit this base model (its {name} has {side[0]} {side[1]}, the "
                    f"model's {getattr(layer, side[0], 'is missing')}); expected one trained on this model: set "
                    "model.base to the adapter's base model, or retrain"
                )


def _with_adapter(base: _Base, name: str, path: Path) -> Any:
    with peft_models() as kind:
        if base.wrapped is None:
            wrapped = kind.from_pretrained(base.model, str(path), adapter_name=name)
        else:
            wrapped = base.wrapped
            wrapped.load_adapter(str(path), adapter_name=name)
    wrapped.eval()
    return wrapped


@contextmanager
def _switched(base: _Base, adapter_id: str | None) -> Iterator[None]:
    if adapter_id is not None:
        base.wrapped.set_adapter(base.names[adapter_id])
        yield
    elif base.adapters:
        with base.wrapped.disable_adapter():
            yield
    else:
        yield
