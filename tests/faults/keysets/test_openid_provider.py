"""A real OpenID provider rotates its keys: everybody whose key it publishes is accepted, before, between and after."""

from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from tests.faults.keysets.brands import ACCEPTED, stored_brand
from tests.faults.keysets.jwks_server import Source
from tests.faults.keysets.openid_provider import OpenIdProvider
from tests.journey.deadline import eventually
from tests.journey.scene import Stage
from tests.servers.leaving_out import running

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def provider(servers_folder: Path, pytestconfig: pytest.Config) -> Iterator[OpenIdProvider]:
    with running(OpenIdProvider.start, servers_folder / "openid", pytestconfig.stash) as server:
        yield server


def test_openid_provider_that_rotates_its_keys_is_followed(brisk: Stage, provider: OpenIdProvider) -> None:
    provider.rotate("first")
    brand = stored_brand(brisk, Source(provider.jwks_url), ["RS256"], [OpenIdProvider.CAMPAIGN])
    of_first = provider.token()
    first = brand.settle(brand.bring(of_first))

    provider.rotate("second", "first")
    of_second = provider.token()
    both = [brand.settle(brand.bring(token)) for token in (of_second, of_first)]
    provider.rotate("second")
    brand.refresh()
    eventually(lambda: [key["kid"] for key in brand.keyset()["keys"]] == ["second"], 20, "the second key alone")
    gone = brand.settle(brand.bring(of_first))
    kept = brand.settle(brand.bring(provider.token()))

    assert [jwt.get_unverified_header(token)["kid"] for token in (of_first, of_second)] == ["first", "second"]
    assert [first, *both, kept] == [ACCEPTED] * 4
    assert gone == ("rejected", "kid_unknown")
