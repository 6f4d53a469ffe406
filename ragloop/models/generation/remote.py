"""The generator behind an OpenAI-compatible endpoint (chat completions), called through the `openai` library.

The library tries again what may pass: lost connections, time-outs, 408, 409, 429 and 5xx, with jitter and as
Retry-After says. An endpoint that fails for good several times in a row is not called for a while, so that no question
waits for it. Questions and the text of passages leave this machine for it.
"""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from ragloop.errors import ConfigError, NotFoundError, RagloopError, UnavailableError, UsageError
from ragloop.language.words import words
from ragloop.records import Draft, Prompt

FAILURES, REST_S = 5, 30
"""After so many failures in a row the endpoint is left alone for so many seconds."""
_PER = 1_000_000
_MOST_SAID = 500
"""Characters of what an endpoint says of a failure."""
_REPEATED_WORDS = 6
"""A message that has so many words in a row in common with the request repeats it."""


@dataclass(frozen=True)
class Endpoint:
    """A model, where it is served, and what a call may take.

    `key` is no part of any message or fingerprint. Prices are in US dollars per million tokens, None where unknown.
    """

    model: str
    base_url: str
    key: str = field(repr=False)
    max_tokens: int
    temperature: float | None
    timeout_s: float
    retries: int
    parallel: int
    input_price: float | None
    output_price: float | None

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return what a call cost; None without prices."""
        if self.input_price is None or self.output_price is None:
            return None
        return (prompt_tokens * self.input_price + completion_tokens * self.output_price) / _PER


class RemoteGenerator:
    """Drafts from a model behind an endpoint, as many at once as it allows.

    Not deterministic beyond what the endpoint's temperature gives.
    """

    adapter: str | None = None

    def __init__(self, endpoint: Endpoint) -> None:
        from circuitbreaker import CircuitBreaker

        self._endpoint = endpoint
        self._refused: frozenset[str] = frozenset()
        self._breaker = CircuitBreaker(
            failure_threshold=FAILURES, recovery_timeout=REST_S, expected_exception=UnavailableError
        )

    @property
    def model(self) -> str:
        return self._endpoint.model

    @property
    def fingerprint(self) -> str:
        one = self._endpoint
        return f"{one.model} at {one.base_url}, {one.max_tokens} tokens, temperature {one.temperature}"

    def generate(self, prompts: Sequence[Prompt]) -> list[Draft]:
        """Write one draft per prompt. Raises the first error of `attempts`."""
        drafts = []
        for one in self.attempts(prompts):
            if isinstance(one, RagloopError):
                raise one
            drafts.append(one)
        return drafts

    def attempts(self, prompts: Sequence[Prompt]) -> list[Draft | RagloopError]:
        """Return a draft for each prompt, or why there is none.

        UnavailableError: the endpoint cannot be reached, is busy, fails, or answers with something else than a chat
        completion. ConfigError: it refuses the key. NotFoundError: it does not know the model. UsageError: it refuses
        the request.
        """
        with ThreadPoolExecutor(max_workers=min(self._endpoint.parallel, len(prompts) or 1)) as pool:
            return list(pool.map(self._attempt, prompts))

    def _attempt(self, prompt: Prompt) -> Draft | RagloopError:
        if self._breaker.opened:
            return UnavailableError(
                f"{self._endpoint.base_url} failed {FAILURES} times in a row and is not called for {REST_S} s"
            )
        try:
            draft: Draft = self._breaker.call(self._ask, prompt)
        except RagloopError as error:
            return error
        return draft

    def _ask(self, prompt: Prompt) -> Draft:
        import openai

        try:
            return self._draft(self._call(prompt))
        except openai.APIError as error:
            raise self._meaning(error, prompt) from None  # its chain holds the request, and with it the key
        except (ValueError, openai.OpenAIError) as error:
            raise self._no_completion(f"what is no JSON ({type(error).__name__})") from None

    def _call(self, prompt: Prompt) -> Any:
        """Call the endpoint, again without a parameter that it does not know: models differ in which they take."""
        import openai

        while True:
            taken = self._taken()
            try:
                return self._client.chat.completions.create(
                    model=self._endpoint.model, messages=_messages(prompt), **taken
                )
            except openai.BadRequestError as error:
                if error.param not in taken:
                    raise
                self._refused |= {error.param}

    def _taken(self) -> dict[str, Any]:
        """Return the limits in the parameters that the endpoint has not refused."""
        one = self._endpoint
        limit = "max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"
        wanted: dict[str, Any] = {limit: one.max_tokens, "temperature": one.temperature}
        return {name: value for name, value in wanted.items() if value is not None and name not in self._refused}

    @cached_property
    def _client(self) -> Any:
        import openai

        from ragloop.models.generation.whole_tries import client_within

        one = self._endpoint
        client = openai.OpenAI(
            base_url=one.base_url,
            api_key=one.key,
            timeout=one.timeout_s,
            max_retries=one.retries,
            http_client=client_within(one.timeout_s),
        )
        weakref.finalize(self, client.close)  # its connections stay open between questions
        return client

    def _draft(self, completion: Any) -> Draft:
        choices = getattr(completion, "choices", None)
        if not choices:
            raise self._no_completion("no choices")
        message, reason = getattr(choices[0], "message", None), choices[0].finish_reason
        text = getattr(message, "content", None)
        if not isinstance(text, str) or not text.strip():
            raise self._no_completion(f"no text (finish_reason {reason})")
        used = getattr(completion, "usage", None)
        given, written = (getattr(used, name, None) or 0 for name in ("prompt_tokens", "completion_tokens"))
        cost = self._endpoint.cost_usd(given, written) if used else None
        return Draft(text, given, written, model=self.model, cost_usd=cost)

    def _no_completion(self, found: str) -> UnavailableError:
        return UnavailableError(f"{self._endpoint.base_url} gave {found}, expected a chat completion of {self.model}")

    def _meaning(self, error: Any, prompt: Prompt) -> RagloopError:
        import openai

        one = self._endpoint
        said = self._as_told(error, prompt)
        if isinstance(error, openai.APIStatusError) and error.status_code in (401, 403):
            return ConfigError(
                f"{one.base_url} refuses the key: {said}; set the variable that remote.api_key_variable names"
            )
        if isinstance(error, openai.NotFoundError):
            return NotFoundError(f"{one.base_url} has no {one.model}: {said}; correct remote.model or remote.base_url")
        if isinstance(error, openai.APIStatusError) and error.status_code in (400, 413, 422):
            return UsageError(f"{one.base_url} refuses the request: {said}")
        return UnavailableError(f"{one.base_url} cannot answer now: {said}; try again later")

    def _as_told(self, error: Any, prompt: Prompt) -> str:
        """Return what the endpoint says, without the key; only its status where it repeats the request, whose text
        belongs into no log."""
        said = str(error).replace(self._endpoint.key, "[key]") if self._endpoint.key else str(error)
        if _repeats(said, prompt):
            return f"status {getattr(error, 'status_code', None)} with a message that repeats the request"
        return said[:_MOST_SAID]


def _messages(prompt: Prompt) -> list[Mapping[str, str]]:
    return list(prompt.messages) or [{"role": "user", "content": prompt.question}]


def _repeats(said: str, prompt: Prompt) -> bool:
    asked = set(chain.from_iterable(_runs(message["content"]) for message in _messages(prompt)))
    return not asked.isdisjoint(_runs(said))


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    found = words(text)
    return (tuple(found[at : at + _REPEATED_WORDS]) for at in range(len(found) - _REPEATED_WORDS + 1))
