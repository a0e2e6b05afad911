"""docs/settings.md lists every setting, with the default and meaning that the code has."""

from pydantic import SecretStr

from app.settings import PREFIX, Settings
from tests.architecture.sources import ROOT


def _default(value: object) -> str:
    match value:
        case SecretStr():
            return ""
        case None | "" | ():
            return ""
        case _:
            return f"`{value}`"


def test_settings_guide_lists_every_setting_as_it_is() -> None:
    guide = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]

    listed = [line for line in guide.splitlines() if line.startswith(f"| `{PREFIX}")]

    assert listed == rows
