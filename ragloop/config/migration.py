"""Settings of what may leave RAG: topics, prices, routes."""

from pydantic import Field

from ragloop.config.section import Section


class TopicSettings(Section):
    """How questions of the log become topics."""

    likeness: float = Field(default=0.35, gt=0, lt=1)
    """Mean cosine from which on two groups of questions are one topic; higher makes more and smaller topics."""
    window_days: float = Field(default=30, gt=0, le=3650)
    """Figures of topics, costs and advice are of the answers of so many days."""


class PriceSettings(Section):
    """What a model charges whose answers the log has without a cost."""

    model: str = Field(min_length=1)
    """Its name as the log has it."""
    input_usd_per_million: float = Field(ge=0)
    """Price of a million tokens of prompts (US dollars)."""
    output_usd_per_million: float = Field(ge=0)
    """Price of a million tokens of answers (US dollars)."""


class CostSettings(Section):
    """Prices by which `ragloop costs` counts, beside those of [remote]; what has no price costs nothing."""

    compute_usd_per_hour: float = Field(default=0.0, ge=0)
    """Price of an hour of the machine that answers (US dollars). An answer takes the time of its stages."""
    training_usd_per_hour: float | None = Field(default=None, ge=0)
    """The same of the machine that trains; by default that of the one that answers."""
    storage_usd_per_gb_month: float = Field(default=0.0, ge=0)
    """Price of keeping a gigabyte for a month (US dollars)."""
    fixed_usd_per_month: float = Field(default=0.0, ge=0)
    """What is paid each month however much is asked (US dollars): a database, a reserved machine."""
    prices: tuple[PriceSettings, ...] = ()
    """Models whose answers the log has without a cost, as {model, input_usd_per_million, output_usd_per_million}."""


class MigrationSettings(Section):
    """When a topic may be answered by an adapter, with passages or without; see `ragloop topics`."""

    min_answers: int = Field(default=100, ge=1)
    """Fewer answers of a topic within topics.window_days keep it where it is."""
    min_repeat_share: float = Field(default=0.3, ge=0, le=1)
    """Share of repeated questions below which training on a topic is not worth it."""
    margin: float = Field(default=0.05, gt=0, lt=1)
    """Mean score that a lane may lose against base+rag; the lower bound of the difference decides."""
    min_pairs: int = Field(default=50, ge=1)
    """Fewer paired answers of a topic do not suffice as evidence."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of that bound, one-sided."""
    rest_days: float = Field(default=30, ge=0, le=3650)
    """Documents of a topic must rest this long, and longer than a retraining takes to come round (days)."""
    step_days: float = Field(default=1, ge=0, le=365)
    """A topic stays this long at each share of a ramp: 1, 5, 25, 100 percent (days)."""
    approve: bool = True
    """Let a flow run ask an operator before a topic moves up; down it moves without asking."""
    approval_minutes: float = Field(default=1440, ge=0.05, le=10_080)
    """It waits this long; without an answer nothing moves up (minutes)."""


class EraseSettings(Section):
    """Who has the last word on an erasure that a flow run carries out."""

    approval_minutes: float = Field(default=1440, ge=0.05, le=10_080)
    """It waits this long for an operator; without an answer nothing is erased (minutes)."""
