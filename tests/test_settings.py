"""The settings: what is refused at start, with the name of the variable."""

import pytest

from app.errors import ConfigurationError
from app.settings import load_settings


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("example.com", id="no-scheme"),
        pytest.param("ftp://example.com", id="another-scheme"),
        pytest.param("https://", id="no-host"),
        pytest.param("https://example.com:99999", id="no-port"),
        pytest.param("https://user@example.com", id="user"),
        pytest.param("https://example.com/?a=b", id="query"),
        pytest.param("https://example .com", id="space"),
    ],
)
def test_public_url_that_is_no_site_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_settings({"VESTIBULE_PUBLIC_URL": url})

    [problem] = refusal.value.problems
    assert problem.startswith("VESTIBULE_PUBLIC_URL: ")


@pytest.mark.parametrize("url", ["https://forms.example", "http://[::1]:8080/", "https://brand.example/forms"])
def test_public_url_that_is_a_site_is_taken(url: str) -> None:
    assert load_settings({"VESTIBULE_PUBLIC_URL": url}).base_url == url.rstrip("/")
