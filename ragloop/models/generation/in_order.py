"""A remote generator, and those that answer in its place while it cannot."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from ragloop.errors import RagloopError
from ragloop.models import Generator
from ragloop.models.generation.remote import RemoteGenerator
from ragloop.records import Draft, Prompt

_log = logging.getLogger(__name__)


class InOrder:
    """Has each prompt answered by `first`; what that cannot answer goes to the first of `others` that can.

    A draft says who wrote it, and why where that is not `first`.
    """

    adapter: str | None = None

    def __init__(self, first: RemoteGenerator, others: Sequence[Generator]) -> None:
        self._first, self._others = first, others

    @property
    def model(self) -> str:
        return self._first.model

    @property
    def fingerprint(self) -> str:
        return " else ".join(one.fingerprint for one in (self._first, *self._others))

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft per prompt. Raises the error of the first generator where none can answer."""
        attempts = self._first.attempts(prompts)
        failed = [(at, one) for at, one in enumerate(attempts) if isinstance(one, RagloopError)]
        drafts = {at: one for at, one in enumerate(attempts) if isinstance(one, Draft)}
        if failed:
            _log.warning("%s of %s answers are not from %s: %s", len(failed), len(prompts), self.model, failed[0][1])
            written = self._by_others([prompts[at] for at, _ in failed], failed[0][1])
            for (at, error), draft in zip(failed, written, strict=True):
                drafts[at] = replace(draft, why=f"{self.model} did not answer: {error}")
        return [drafts[at] for at in range(len(prompts))]

    def _by_others(self, prompts: Sequence[Prompt], trouble: RagloopError) -> list[Draft]:
        for other in self._others:
            try:
                drafts = other.generate(prompts)
            except RagloopError as error:
                _log.warning("%s cannot answer either: %s", other.model, error)
                continue
            return [replace(draft, model=other.model) for draft in drafts]
        raise trouble
