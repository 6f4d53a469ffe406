"""What an answer cost: what an endpoint charged, and the time of the machine. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ragloop.migration.columns import Amounts, Logged

_SECONDS_PER_HOUR = 3600
_PER = 1_000_000


@dataclass(frozen=True)
class TokenPrice:
    """What a model charges for a million tokens (US dollars)."""

    input_usd_per_million: float
    output_usd_per_million: float


@dataclass(frozen=True)
class PriceList:
    """Prices of machines, of storage, and of models whose answers the log has without a cost."""

    compute_usd_per_hour: float
    training_usd_per_hour: float
    storage_usd_per_gb_month: float
    fixed_usd_per_month: float
    models: Mapping[str, TokenPrice]

    @property
    def is_empty(self) -> bool:
        """Whether it has no price of a machine or a model."""
        return not (self.compute_usd_per_hour or self.training_usd_per_hour or self.models)


def answers_usd(log: Logged, prices: PriceList) -> Amounts:
    """Return what each answer cost, NaN where its model charges and nobody knows how much.

    A machine waits while an endpoint writes: where one charged, the time of that stage is left out. An answer without
    latencies, as other services log them, takes no time of a machine.
    """
    charged = np.where(np.isnan(log.charged_usd), _by_tokens(log, prices), log.charged_usd)
    busy = np.nan_to_num(log.seconds - np.where(charged > 0, log.writing_s, 0.0))
    found: Amounts = charged + busy * prices.compute_usd_per_hour / _SECONDS_PER_HOUR
    return found


def _by_tokens(log: Logged, prices: PriceList) -> Amounts:
    """Return what answers cost by the tokens that they took; NaN where the model has no price or tokens are unknown."""
    listed = [prices.models.get(one) for one in log.models.values]
    per_token = [
        (one.input_usd_per_million / _PER, one.output_usd_per_million / _PER) if one else (np.nan, np.nan)
        for one in listed
    ]
    each = np.array(per_token, np.float64).reshape(-1, 2)[log.models.codes]
    found: Amounts = (log.tokens * each).sum(axis=1)
    return found
