"""Figures of the service in the form of Prometheus."""

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ragloop.answering.guard import GuardCheck
from ragloop.app import App
from ragloop.errors import RagloopError
from ragloop.records import Answer

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Figures:
    """What is counted in one process, since it started."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._of_index = of_index = CollectorRegistry()
        self._requests = Counter("ragloop_requests", "Requests", ["path", "status"], registry=registry)
        self.refused = Counter("ragloop_refused", "Questions refused since too many waited", registry=registry)
        self._questions = Counter("ragloop_questions", "Questions answered", ["lane", "abstained"], registry=registry)
        self._fallbacks = Counter("ragloop_fallbacks", "Answers by another lane or model", ["lane"], registry=registry)
        self._cache = Counter(
            "ragloop_answer_cache", "Answers looked for among earlier ones", ["use"], registry=registry
        )
        self._guard = Counter(
            "ragloop_guarded", "Answers withheld, and with passages that speak to a model", ["what"], registry=registry
        )
        self._seconds = Histogram(
            "ragloop_answer_seconds", "Time of an answer, waiting included", buckets=_SECONDS, registry=registry
        )
        self._stages = Histogram(
            "ragloop_stage_seconds", "Time of a stage of answering", ["stage"], buckets=_SECONDS, registry=registry
        )
        self._tokens = Counter("ragloop_tokens", "Tokens of models", ["kind"], registry=registry)
        self._cost = Counter("ragloop_cost_usd", "What remote models charged", registry=registry)
        self._feedback = Counter("ragloop_feedback", "Feedback", ["kind"], registry=registry)
        self._spans = Counter("ragloop_spans", "Spans of other services", ["state"], registry=registry)
        self._documents = Gauge("ragloop_documents", "Documents that can be found", registry=of_index)
        self._chunks = Gauge("ragloop_chunks", "Chunks that can be found", registry=of_index)
        self._lag = Gauge("ragloop_lag_seconds", "Time from a change to its commit", ["quantile"], registry=of_index)
        self._adapter = Gauge("ragloop_adapter", "1 for the adapter of each lane", ["adapter"], registry=of_index)

    def count(self, answer: Answer, seconds: float) -> None:
        """Count an answer."""
        self._questions.labels(answer.lane, str(answer.abstained).lower()).inc()
        self._cache.labels(answer.cache).inc()
        for check in answer.verdicts.keys() & set(GuardCheck):
            self._guard.labels(check).inc()
        self._seconds.observe(seconds)
        for stage, latency_ms in answer.latency_ms.items():
            self._stages.labels(stage).observe(latency_ms / 1000)
        self._tokens.labels("prompt").inc(answer.prompt_tokens)
        self._tokens.labels("completion").inc(answer.completion_tokens)
        self._cost.inc(answer.cost_usd or 0.0)
        if answer.fallback:
            self._fallbacks.labels(answer.lane).inc()

    def count_request(self, path: str, status: int) -> None:
        """Count a request by the path of its route, and the status of the reply."""
        self._requests.labels(path, str(status)).inc()

    def count_feedback(self, kind: str) -> None:
        """Count a piece of feedback."""
        self._feedback.labels(kind).inc()

    def count_spans(self, taken: int, rejected: int) -> None:
        """Count the spans of a request of another service."""
        self._spans.labels("taken").inc(taken)
        self._spans.labels("rejected").inc(rejected)

    def text(self, app: App, *, of_index: bool) -> bytes:
        """Write all figures; those of the whole index, as it is now, where the caller may see them.

        What cannot be read now is left as it was.
        """
        if not of_index:
            return generate_latest(self._registry)
        with suppress(RagloopError):
            self._look_at(app)
        return generate_latest(self._registry) + generate_latest(self._of_index)

    def _look_at(self, app: App) -> None:
        from ragloop.corpus.index import inventory

        counts = inventory.counts(app.index)
        self._documents.set(counts["documents"])
        self._chunks.set(counts["chunks"])
        for name, seconds in counts["lag_s"].items():
            if seconds is not None:
                self._lag.labels(name).set(seconds)
        self._adapter.clear()
        for champion in app.registry.aliases.champions().values():
            self._adapter.labels(champion).set(1)
