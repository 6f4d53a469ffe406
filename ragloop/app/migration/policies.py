"""Settings of topics, prices and routes become policies here."""

from typing import TYPE_CHECKING

from ragloop.config import Settings

if TYPE_CHECKING:
    from ragloop.migration.advice import AdvicePolicy
    from ragloop.migration.costs.prices import PriceList
    from ragloop.migration.routes.planning import RoutePolicy

_HALF, _QUICKER, _FEW_CORRECTIONS = 0.5, 0.8, 10
"""Shares and counts of AdvicePolicy that nobody has asked to set."""


def price_list(settings: Settings) -> "PriceList":
    """Return what machines, storage and models cost."""
    from ragloop.migration.costs.prices import PriceList, TokenPrice

    costs = settings.costs
    training = costs.compute_usd_per_hour if costs.training_usd_per_hour is None else costs.training_usd_per_hour
    models = {one.model: TokenPrice(one.input_usd_per_million, one.output_usd_per_million) for one in costs.prices}
    return PriceList(
        costs.compute_usd_per_hour, training, costs.storage_usd_per_gb_month, costs.fixed_usd_per_month, models
    )


def route_policy(settings: Settings, training_days: float) -> "RoutePolicy":
    """Return what a topic must show before it moves up; a retraining comes round by its cadence and takes a while."""
    from ragloop.migration.routes.planning import RoutePolicy

    wanted = settings.migration
    return RoutePolicy(
        min_answers=wanted.min_answers,
        min_repeat_share=wanted.min_repeat_share,
        margin=wanted.margin,
        min_pairs=wanted.min_pairs,
        rest_days=wanted.rest_days,
        step_days=wanted.step_days,
        retraining_days=settings.cadence.every_days + training_days,
    )


def advice_policy(settings: Settings) -> "AdvicePolicy":
    """Return from where on a factor speaks for fine-tuning."""
    from ragloop.migration.advice import AdvicePolicy

    wanted = settings.migration
    return AdvicePolicy(
        min_answers=wanted.min_answers,
        min_rows=settings.cadence.min_new_examples,
        min_repeat_share=wanted.min_repeat_share,
        rest_days=wanted.rest_days,
        half=_HALF,
        quicker=_QUICKER,
        few_corrections=_FEW_CORRECTIONS,
    )
