from bench.floors import Floors


def test_floors_between_two_measurements_are_their_mean_each() -> None:
    before, after = Floors(40.0, 30.0, 32.0, 20.0, 10_000.0, 12_000.0), Floors(80.0, 50.0, 34.0, 40.0, 6_000.0, 8_000.0)

    between = before.halfway_to(after)

    assert between == Floors(60.0, 40.0, 33.0, 30.0, 8_000.0, 10_000.0)
    assert between.participant == (before.participant + after.participant) / 2
