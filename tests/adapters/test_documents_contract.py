from datetime import timedelta

import pytest

from app.errors import PartnerInUse, PartnerUnknown, PreconditionFailed
from app.management_ports import ApiClient, DocumentKind
from tests.adapters.stores import Stores
from tests.builders import NOW

PARTNER, CAMPAIGN = DocumentKind.PARTNER, DocumentKind.CAMPAIGN
LATER = NOW + timedelta(hours=1)


def put_partner(stores: Stores, id_: str = "acme", **members: object) -> int:
    return stores.documents.put(PARTNER, id_, {"name": id_, **members}, None, NOW).stored.version


def put_campaign(stores: Stores, id_: str, partner_id: str = "acme") -> int:
    return stores.documents.put(CAMPAIGN, id_, {"partner_id": partner_id, "name": id_}, None, NOW).stored.version


def test_document_is_found_as_it_was_put_with_its_secret(stores: Stores) -> None:
    document = {"name": "ACME", "secret": "s3cret", "list": [1, {"a": None}]}

    put = stores.documents.put(PARTNER, "acme", document, None, NOW)
    stored = put.stored

    assert put.is_new
    assert (stored.version, stored.document, stored.created_at, stored.updated_at) == (1, document, NOW, NOW)
    assert stores.documents.find(PARTNER, "acme") == stored
    assert stores.documents.find(PARTNER, "other") is None


def test_put_again_grows_the_version_and_keeps_the_creation(stores: Stores) -> None:
    put_partner(stores)

    put = stores.documents.put(PARTNER, "acme", {"name": "new"}, 1, LATER)
    stored = put.stored

    assert not put.is_new
    assert (stored.version, stored.created_at, stored.updated_at) == (2, NOW, LATER)


@pytest.mark.parametrize("if_version", [pytest.param(0, id="must not exist"), pytest.param(2, id="another version")])
def test_put_with_the_wrong_version_is_refused(stores: Stores, if_version: int) -> None:
    put_partner(stores)

    with pytest.raises(PreconditionFailed):
        stores.documents.put(PARTNER, "acme", {"name": "lost update"}, if_version, LATER)

    found = stores.documents.find(PARTNER, "acme")
    assert found is not None
    assert (found.version, found.document) == (1, {"name": "acme"})


def test_put_that_must_not_exist_makes_a_new_one(stores: Stores) -> None:
    assert stores.documents.put(PARTNER, "acme", {"name": "ACME"}, 0, NOW).stored.version == 1


def test_put_of_a_campaign_without_its_partner_is_refused(stores: Stores) -> None:
    with pytest.raises(PartnerUnknown):
        put_campaign(stores, "945645")

    assert stores.documents.find(CAMPAIGN, "945645") is None


def test_delete_tells_whether_there_was_one(stores: Stores) -> None:
    put_partner(stores)

    answers = [stores.documents.delete(PARTNER, "acme", None) for _ in range(2)]

    assert answers == [True, False]
    assert stores.documents.find(PARTNER, "acme") is None
    assert stores.documents.load_page(PARTNER, None, 10, None) == []


def test_delete_with_the_wrong_version_is_refused(stores: Stores) -> None:
    put_partner(stores)

    with pytest.raises(PreconditionFailed):
        stores.documents.delete(PARTNER, "acme", 2)

    assert stores.documents.find(PARTNER, "acme") is not None


def test_delete_of_a_partner_that_a_campaign_names_is_refused(stores: Stores) -> None:
    put_partner(stores)
    put_campaign(stores, "945645")

    with pytest.raises(PartnerInUse):
        stores.documents.delete(PARTNER, "acme", None)

    stores.documents.delete(CAMPAIGN, "945645", None)
    assert stores.documents.delete(PARTNER, "acme", None)


def test_put_after_delete_never_repeats_a_version(stores: Stores) -> None:
    put_partner(stores)
    stores.documents.delete(PARTNER, "acme", None)

    stored = stores.documents.put(PARTNER, "acme", {"name": "again"}, 0, LATER).stored

    assert stored.version > 2
    assert stored.created_at == LATER


def test_load_page_goes_by_id_and_partner(stores: Stores) -> None:
    for id_ in ("globex", "acme"):
        put_partner(stores, id_)
    for id_, partner_id in (("c", "acme"), ("a", "acme"), ("b", "globex"), ("d", "acme")):
        put_campaign(stores, id_, partner_id)

    def ids(after: str | None, limit: int, partner_id: str | None) -> list[str]:
        return [found.id for found in stores.documents.load_page(CAMPAIGN, after, limit, partner_id)]

    assert ids(None, 3, None) == ["a", "b", "c"]
    assert ids("b", 3, None) == ["c", "d"]
    assert ids(None, 10, "acme") == ["a", "c", "d"]
    assert [found.id for found in stores.documents.load_page(PARTNER, None, 10, "acme")] == ["acme"]


def test_client_is_found_replaced_and_revoked_once(stores: Stores) -> None:
    client = ApiClient("admin", "scrypt$…", frozenset({"partners:read", "stats:read"}), None, NOW)
    bound = ApiClient("acme", "scrypt$…", frozenset(), "acme", NOW)
    stores.clients.put(bound)
    stores.clients.put(ApiClient("admin", "old", frozenset(), "acme", NOW))
    stores.clients.put(client)

    answers = [stores.clients.revoke("acme", LATER), stores.clients.revoke("acme", LATER)]

    assert answers == [True, False]
    assert stores.clients.find("admin") == client
    assert stores.clients.find("nobody") is None
    assert [(one.id, one.revoked_at) for one in stores.clients.load_all()] == [("acme", LATER), ("admin", None)]
    assert stores.clients.revoke("nobody", LATER) is False
