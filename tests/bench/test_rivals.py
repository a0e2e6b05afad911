import pytest

from bench.load import Percentiles, Result
from bench.participant import Saturation
from bench.rivals import QUEUE, rival_figures

NOTHING = Percentiles(0.0, 0.0, 0.0)


def _saturation(ready: int, cpu_seconds: float) -> Saturation:
    result = Result(2.0, ready, 0, {}, ready, ready, 0, ready, NOTHING, NOTHING, NOTHING, 0.0)
    return Saturation(result, {"web": cpu_seconds})


def test_peer_is_compared_with_the_mean_of_the_service_before_and_after_it() -> None:
    ours = [_saturation(4_000, 2.0), _saturation(2_000, 2.0)]  # 500 and 1,000 µs

    rate, cost = rival_figures(QUEUE, _saturation(300, 0.9), ours)

    assert (rate.value, rate.goal, rate.is_met) == (10.0, 10.0, True)
    assert cost.value == pytest.approx(4.0)
