"""The colours of a campaign's page, made from the one that its document names, so that every text on it stays legible.

Contrast is that of WCAG 2.2: at least 4.5 to 1 for text (1.4.3), 3 to 1 for the edge of buttons (1.4.11).
"""

from typing import Final

_READABLE: Final = 4.5
_VISIBLE: Final = 3.0
_CARD: Final = "#ffffff"
"""What buttons and fields stand on."""
_PAPER: Final = "#f4efec"
"""Darker than any ground that accented text stands on."""
_STEP: Final = 0.94
"""How much of its light a colour keeps each time that it is still too pale."""


def palette(accent: str) -> dict[str, str]:
    """Return the colours by their names in the style sheet; `accent` is `#rrggbb`."""
    ink = "#ffffff" if contrast(accent, "#ffffff") >= _READABLE else "#000000"
    return {
        "accent": accent,
        "accent-ink": ink,
        "accent-text": _darkened(accent, _PAPER, _READABLE),
        "accent-edge": _darkened(accent, _CARD, _VISIBLE),
    }


def contrast(one: str, other: str) -> float:
    """Return how well two colours stand apart, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - the sRGB curve


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _darkened(colour: str, ground: str, least: float) -> str:
    while contrast(colour, ground) < least:
        colour = _darker(colour)
    return colour


def _darker(colour: str) -> str:
    return "#" + "".join(f"{int(part * _STEP):02x}" for part in _parts(colour))
