"""The models that the settings name: each is opened when it is first asked for, and once."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ragloop.config import Settings
from ragloop.config.answering import RemoteSettings
from ragloop.errors import ConfigError, MismatchError, NotFoundError
from ragloop.models import Embedder, Reranker
from ragloop.models.chat import other_chat
from ragloop.models.embedding.by_fingerprint import Embedders

if TYPE_CHECKING:
    from ragloop.models.embedding.runtimes import Backend
    from ragloop.models.generation.local import LocalGenerator
    from ragloop.models.generation.remote import Endpoint, RemoteGenerator
    from ragloop.models.generation.served_adapters import ServedAdapter, ServedAdapters
    from ragloop.registry import Adapter


class OpenedModels:
    """`given` replaces the embedder that the settings name. Long preparations are logged.

    `open_embedder` opens what a name and a backend mean, for those that the settings name and kept generations know.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        given: Embedder | None,
        open_embedder: Callable[[str, str], Embedder] | None,
    ) -> None:
        self._settings, self._given = settings, given
        self.other_opener = open_embedder

    @cached_property
    def cache(self) -> Path:
        """Folder of prepared models."""
        from ragloop.models.cache import default_cache

        return self._settings.cache or default_cache()

    @cached_property
    def embedders(self) -> Embedders:
        wanted = self._settings.index
        return Embedders(self.other_opener or self._open, wanted.embedder, wanted.embedder_backend, self._given)

    def _open(self, name: str, backend: str) -> Embedder:
        from ragloop.models.embedding.runtimes import open_embedder

        return open_embedder(name, self.cache, backend=_known(backend), threads=self._settings.sync.threads)

    def export(self, name: str, backend: str) -> Path | None:
        """Return the folder of the export that an embedder runs from; None where it needs none, or another one was
        given."""
        from ragloop.models.embedding.runtimes import export_folder

        return None if self._given is not None else export_folder(name, self.cache, _known(backend))

    @cached_property
    def reranker(self) -> Reranker | None:
        """What reranks passages; None where the settings want none, or none is at hand.

        Raises NotFoundError for a name that is not there, UnavailableError for damaged files.
        """
        from ragloop.models.reranking.cross_encoder import CrossEncoder, packaged_folder, prepared

        name = self._settings.retrieval.reranker
        if name == "none":
            return None
        if name != "auto":
            from ragloop.models.reranking.sentence_transformer import SentenceTransformerReranker

            return SentenceTransformerReranker(name)
        folder = packaged_folder()
        return CrossEncoder(prepared(folder, self.cache), self._settings.sync.threads) if folder else None

    @cached_property
    def base(self) -> Path | str:
        """The local model's folder or hub name, prepared first where that was not done at set-up."""
        from ragloop.models.generation.smollm2 import resolve_base

        return resolve_base(self._settings.model.base, self.cache)

    @cached_property
    def local_generator(self) -> "LocalGenerator":
        """The base model on this machine."""
        from ragloop.models.generation.local import LocalGenerator

        m = self._settings.model
        return LocalGenerator(
            self.base, name=m.base, max_new_tokens=m.max_new_tokens, batch_size=m.batch_size, threads=m.threads
        )

    @cached_property
    def remote_generator(self) -> "RemoteGenerator":
        """The model behind the endpoint of the settings. Raises ConfigError for one without a name or a key."""
        from ragloop.models.generation.remote import RemoteGenerator

        return RemoteGenerator(self._endpoint('answers.generator is "remote"'))

    @cached_property
    def served_adapters(self) -> "ServedAdapters | None":
        """The adapters behind the endpoint of the settings, None where they answer on this machine.

        Raises ConfigError as `remote_generator` does.
        """
        from ragloop.models.generation.served_adapters import ServedAdapters

        one = self._settings.remote
        if one.adapters == "local":
            return None
        return ServedAdapters(self._endpoint(f'remote.adapters is "{one.adapters}"'), one.adapters_root)

    def _endpoint(self, why: str) -> "Endpoint":
        from ragloop.models.generation.remote import Endpoint

        one = self._settings.remote
        if not one.model:
            raise ConfigError(f"{why}, expected remote.model to name the model: set it")
        return Endpoint(
            model=one.model,
            base_url=one.base_url.rstrip("/"),
            key=_key(one),
            max_tokens=one.max_tokens,
            temperature=one.temperature,
            timeout_s=one.timeout_seconds,
            retries=one.retries,
            parallel=one.parallel,
            input_price=one.input_usd_per_million,
            output_price=one.output_usd_per_million,
        )

    def base_sha256(self) -> str:
        """Return the SHA-256 of the local model's weights, empty where they are not on this disk; prepare nothing."""
        from ragloop.models.generation.smollm2 import base_on_disk
        from ragloop.models.weights import weights_sha256

        place = base_on_disk(self._settings.model.base, self.cache)
        return weights_sha256(place, self.cache) if place is not None else ""

    def other_base(self, adapter: "Adapter") -> str:
        """Return why an adapter is not one of the local model and its chat format, or an empty string; see
        registry.other_base."""
        from ragloop.registry import other_base

        return other_base(adapter, self._settings.model.base, self.base_sha256()) or self._other_chat(adapter)

    def _other_chat(self, adapter: "Adapter") -> str:
        from ragloop.models.generation.smollm2 import base_on_disk

        trained = adapter.evidence.chat
        if not trained or base_on_disk(self._settings.model.base, self.cache) is None:
            return ""
        try:
            found = self.local_generator.chat
        except MismatchError as error:
            return str(error)
        except (ImportError, NotFoundError):
            return ""  # no tokenizer is here: who generates says so
        return other_chat(f"adapter {adapter.adapter_id}", trained, found)

    def wearing(self, adapter: "Adapter", folder: Path) -> "LocalGenerator":
        """Return the local model with an adapter whose files are in `folder`.

        Raises MismatchError where the adapter was trained on another model, though it may have the same shapes, and as
        LocalGenerator.wearing does.
        """
        self._must_fit(adapter)
        worn = self.local_generator.wearing(adapter.adapter_id, folder)
        self._must_fit(adapter)  # the weights of a model of a hub may be on this disk only now
        return worn

    def serving(self, host: "ServedAdapters", adapter: "Adapter", folder: Path) -> "ServedAdapter":
        """Return an adapter on a server, loaded there from files that are in `folder`.

        Raises MismatchError where the adapter was trained on another model than model.base, and as
        ServedAdapters.wearing does.
        """
        self._must_fit(adapter)
        return host.wearing(adapter, folder)

    def _must_fit(self, adapter: "Adapter") -> None:
        if why := self.other_base(adapter):
            raise MismatchError(why)


def _key(remote: RemoteSettings) -> str:
    """Return the key, a word of no meaning where a server of one's own needs none."""
    key = os.environ.get(remote.api_key_variable, "")
    if not key and remote.base_url == RemoteSettings().base_url:
        raise ConfigError(
            f"{remote.base_url} needs a key, and the variable {remote.api_key_variable} is not set: set it"
        )
    return key or "none"


def _known(backend: str) -> "Backend | None":
    return None if backend == "auto" else cast("Backend", backend)
