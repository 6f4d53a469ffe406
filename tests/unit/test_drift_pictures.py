"""How near a signal is to drift, as the picture of drift over time draws it."""

import pytest

from tasks.pictures import share_of_threshold


@pytest.mark.parametrize(
    ("statistic", "p_value", "threshold", "share"),
    [
        (0.05, None, 0.10, 0.5),  # a census is its own share
        (4.2, 0.0025, 0.0025, 1.0),
        (3.0, 0.05, 0.0025, 0.5),
        (0.1, 1.0, 0.0025, 0.0),
        (9.0, 0.0, 0.0025, 3.0),
        (None, None, 0.0025, None),
    ],
)
def test_a_test_is_drawn_by_its_p_value_and_a_census_by_its_share(
    statistic: float | None, p_value: float | None, threshold: float, share: float | None
) -> None:
    signal = {"statistic": statistic, "p_value": p_value, "threshold": threshold}
    assert share_of_threshold(signal) == (pytest.approx(share, abs=0.01) if share is not None else None)
