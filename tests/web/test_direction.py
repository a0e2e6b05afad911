import pytest

from app.web.direction import direction_of


@pytest.mark.parametrize(
    ("language", "direction"),
    [
        *(
            pytest.param(language, "rtl", id=language)
            for language in ("ar", "he", "fa", "ur", "yi", "ps", "sd", "ug", "dv", "ckb", "AR-eg", "ar-u-nu-latn")
        ),
        *(pytest.param(language, "rtl", id=language) for language in ("ku-Arab", "pa-Arab-PK", "zh-yue-hebr")),
        *(pytest.param(language, "ltr", id=language) for language in ("en", "ku", "az-Latn", "ar-Latn", "en-x-arab")),
    ],
)
def test_direction_is_that_of_the_script_else_of_the_language(language: str, direction: str) -> None:
    assert direction_of(language) == direction
