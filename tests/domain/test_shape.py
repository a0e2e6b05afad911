"""What a text must look like to be a token at all."""

import pytest

from app.domain.shape import MAX_TOKEN_BYTES, check_shape, is_base64url
from app.errors import TokenRejected
from app.reasons import TokenReason


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("YQ.Yg.Yw", ("YQ", "Yg", "Yw"), id="three-parts"),
        pytest.param("YQ.Yg.Yw.ZA.ZQ", ("YQ", "Yg", "Yw", "ZA", "ZQ"), id="five-parts"),
        pytest.param("..", ("", "", ""), id="empty-parts"),
        pytest.param("YWI.YWJj.-_-_", ("YWI", "YWJj", "-_-_"), id="every-remainder"),
    ],
)
def test_check_shape_compact_text_returns_its_parts(text: str, parts: tuple[str, ...]) -> None:
    assert check_shape(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("YQ", id="one-part"),
        pytest.param("YQ.YQ", id="two-parts"),
        pytest.param("YQ.YQ.YQ.YQ", id="four-parts"),
        pytest.param("YQ.YQ.YQ.YQ.YQ.YQ", id="six-parts"),
        pytest.param("YQ==.YQ.YQ", id="padding"),
        pytest.param("YQ.YQ.YQ=", id="padding-at-the-end"),
        pytest.param("YQ.YQ.YR", id="unused-bits-of-two-set"),
        pytest.param("YQ.YQ.YWJ", id="unused-bits-of-three-set"),
        pytest.param("YQ.Y.YQ", id="one-character-over"),
        pytest.param("YQ.YQ.YWJj\n", id="newline-at-the-end"),
        pytest.param(" YQ.YQ.YQ", id="space-in-front"),
        pytest.param("YQ.Y Q.YQ", id="space-inside"),
        pytest.param("YQ.YWJj\tYWJj.YQ", id="tab-inside"),
        pytest.param("YQ.YW+j.YQ", id="plus-of-base64"),
        pytest.param("YQ.YW/j.YQ", id="slash-of-base64"),
        pytest.param("YQ.YW?j.YQ", id="a-character-that-decoders-drop"),
        pytest.param("YQ.YWJ\u00e9.YQ", id="latin"),
        pytest.param("YQ.YWJ\uff21.YQ", id="fullwidth-letter"),
        pytest.param("YQ.YWJ\ud800.YQ", id="lone-surrogate"),
        pytest.param("YQ.YWJ\x00.YQ", id="nul"),
        pytest.param("YQ。YQ。YQ", id="other-dots"),
        pytest.param('{"payload":"YQ","signatures":[]}', id="json-serialization"),
        pytest.param({"payload": "YQ"}, id="parsed-json-serialization"),
        pytest.param(b"YQ.YQ.YQ", id="bytes"),
        pytest.param(None, id="null"),
    ],
)
def test_check_shape_any_other_text_is_refused_as_malformed(text: object) -> None:
    with pytest.raises(TokenRejected) as refusal:
        check_shape(text)

    assert refusal.value.reason is TokenReason.TOKEN_MALFORMED


def test_check_shape_longest_token_is_taken_and_one_more_is_too_large() -> None:
    longest = ".." + "A" * (MAX_TOKEN_BYTES - 4) + "AA"

    assert len(check_shape(longest)) == 3
    with pytest.raises(TokenRejected) as refusal:
        check_shape(longest + "A")
    assert refusal.value.reason is TokenReason.TOKEN_TOO_LARGE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", True, id="empty"),
        pytest.param("YQ", True, id="canonical"),
        pytest.param("YR", False, id="unused-bits"),
        pytest.param("YQ.", False, id="dot"),
        pytest.param("YQ==", False, id="padding"),
        pytest.param("\u0661\u0662", False, id="arabic-digits"),
    ],
)
def test_is_base64url_canonical_spelling_alone_is_true(text: str, expected: bool) -> None:
    assert is_base64url(text) is expected
