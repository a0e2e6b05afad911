"""Whatever colour a campaign brings, what is written in it and on it can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.palette import contrast, palette

READABLE = 4.5
VISIBLE = 3
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(COLOURS)
def test_palette_of_any_colour_is_readable(accent: str) -> None:
    made = palette(accent)

    assert made["accent"] == accent
    assert contrast(made["accent"], made["accent-ink"]) >= READABLE
    assert contrast(made["accent-text"], "#ffffff") >= READABLE
    assert contrast(made["accent-edge"], "#ffffff") >= VISIBLE


@pytest.mark.parametrize(
    ("accent", "ink", "text", "edge"),
    [
        pytest.param("#6d3bbf", "#ffffff", "#6d3bbf", "#6d3bbf", id="dark-enough"),
        pytest.param("#ffd400", "#000000", "#7d6700", "#ad9000", id="too-pale-for-text"),
        pytest.param("#ffffff", "#000000", "#6d6d6d", "#8e8e8e", id="not-seen-on-the-card"),
    ],
)
def test_palette_keeps_a_colour_that_can_be_told_apart_and_darkens_others(
    accent: str, ink: str, text: str, edge: str
) -> None:
    assert palette(accent) == {"accent": accent, "accent-ink": ink, "accent-text": text, "accent-edge": edge}


def test_contrast_of_black_and_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
