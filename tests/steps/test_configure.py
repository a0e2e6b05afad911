"""Configuration: versions and preconditions, what a bound client sees, masked secrets, and the audit."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from app.domain.outside import OutboundPolicy
from app.domain.scopes import ALL_SCOPES
from app.errors import (
    CampaignUnknown,
    Mistake,
    PartnerInUse,
    PartnerUnknown,
    PreconditionFailed,
    RequestError,
    RequestInvalid,
)
from app.management_ports import AuditEntry, DocumentKind, StoredDocument
from app.steps.authorize import Caller
from app.steps.configure import ConfigureDocuments, Precondition
from tests.builders import NOW
from tests.documents.examples import CREDENTIAL, campaign_body, partner_body, secretive_body
from tests.fakes import FixedClock, MemoryAudit, MemoryDocuments

PARTNER, CAMPAIGN = DocumentKind.PARTNER, DocumentKind.CAMPAIGN
ADMIN = Caller("admin", ALL_SCOPES)
BOUND = Caller("acme-client", ALL_SCOPES, partner_id="acme")


@dataclass(slots=True)
class World:
    documents: MemoryDocuments = field(default_factory=MemoryDocuments)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    clock: FixedClock = field(default_factory=FixedClock)

    @property
    def configure(self) -> ConfigureDocuments:
        return ConfigureDocuments(self.documents, self.audit, self.clock, OutboundPolicy())

    def with_partners(self, *ids: str, **changes: Any) -> "World":
        for id_ in ids:
            self.configure.put(PARTNER, id_, partner_body(**changes), ADMIN)
        return self

    def with_campaign(self, id_: str, partner_id: str) -> "World":
        self.configure.put(CAMPAIGN, id_, campaign_body(partner_id=partner_id), ADMIN)
        return self


@pytest.fixture
def world() -> World:
    return World()


def test_put_of_a_new_document_stores_it_as_version_one_and_audits_it(world: World) -> None:
    put = world.configure.put(PARTNER, "acme", partner_body(), ADMIN)

    assert put.is_new
    assert (put.stored.version, put.stored.document["name"]) == (1, "ACME")
    assert world.audit.entries == [AuditEntry(NOW, "admin", "partner.created", "acme", {"version": 1}, "acme")]


def test_put_of_a_known_document_stores_the_next_version(world: World) -> None:
    world.with_partners("acme")

    put = world.configure.put(PARTNER, "acme", partner_body(name="ACME 2"), ADMIN)

    assert not put.is_new
    assert put.stored.version == 2
    assert world.configure.get(PARTNER, "acme", ADMIN).document["name"] == "ACME 2"
    assert [entry.action for entry in world.audit.entries] == ["partner.created", "partner.changed"]


class _Overtaken(MemoryDocuments):
    """Finds nothing yet: what it holds was stored after the look."""

    def find(self, kind: DocumentKind, id_: str) -> StoredDocument | None:
        return MemoryDocuments().find(kind, id_)


def test_put_that_another_one_overtook_has_created_nothing(world: World) -> None:
    world.with_partners("acme")
    world.documents = _Overtaken(world.documents.rows, world.documents.versions)

    put = world.configure.put(PARTNER, "acme", partner_body(name="ACME 2"), ADMIN)

    assert not put.is_new
    assert [entry.action for entry in world.audit.entries] == ["partner.created", "partner.changed"]


def test_change_is_told_of_when_it_is_stored(world: World) -> None:
    told: list[tuple[DocumentKind, str, bool, int]] = []

    def tell(kind: DocumentKind, id_: str, document: object) -> None:
        told.append((kind, id_, document is None, len(world.audit.entries)))

    configure = replace(world.configure, follow_ups=(tell,))
    configure.put(PARTNER, "acme", partner_body(), ADMIN)
    with pytest.raises(PreconditionFailed):
        configure.put(PARTNER, "acme", partner_body(), ADMIN, Precondition(must_be_absent=True))
    configure.delete(PARTNER, "acme", ADMIN)

    assert told == [(PARTNER, "acme", False, 1), (PARTNER, "acme", True, 2)]


def test_put_answers_and_audits_without_secrets_and_stores_them(world: World) -> None:
    put = world.configure.put(PARTNER, "acme", secretive_body(), ADMIN)

    stored = world.documents.find(PARTNER, "acme")
    assert CREDENTIAL not in str(put)
    assert CREDENTIAL not in str(world.audit.entries)
    assert CREDENTIAL not in str(world.configure.get(PARTNER, "acme", ADMIN))
    assert CREDENTIAL not in str(world.configure.load_page(PARTNER, ADMIN))
    assert stored is not None
    assert CREDENTIAL in str(stored.document)


def test_put_of_what_was_read_keeps_the_secrets(world: World) -> None:
    world.configure.put(PARTNER, "acme", secretive_body(), ADMIN)
    before = world.documents.rows[PARTNER, "acme"].document
    read = world.configure.get(PARTNER, "acme", ADMIN).document

    world.configure.put(PARTNER, "acme", read, ADMIN)

    assert world.documents.rows[PARTNER, "acme"].document == before


@pytest.mark.parametrize(
    ("precondition", "is_met"),
    [
        pytest.param(Precondition(), True, id="none"),
        pytest.param(Precondition(must_exist=True), True, id="must-exist"),
        pytest.param(Precondition(must_exist=True, versions=frozenset({1, 2})), True, id="one-of-the-versions"),
        pytest.param(Precondition(must_exist=True, versions=frozenset({1})), False, id="an-old-version"),
        pytest.param(Precondition(must_exist=True, versions=frozenset()), False, id="foreign-tag"),
        pytest.param(Precondition(must_be_absent=True), False, id="must-be-absent"),
    ],
)
def test_put_over_version_two_obeys_its_precondition(world: World, precondition: Precondition, *, is_met: bool) -> None:
    world.with_partners("acme", "acme")

    try:
        world.configure.put(PARTNER, "acme", partner_body(), ADMIN, precondition)
        was_met = True
    except PreconditionFailed:
        was_met = False

    assert was_met is is_met
    assert world.documents.rows[PARTNER, "acme"].version == (3 if is_met else 2)


@pytest.mark.parametrize(
    "precondition",
    [
        pytest.param(Precondition(must_exist=True), id="must-exist"),
        pytest.param(Precondition(must_exist=True, versions=frozenset({1})), id="version"),
    ],
)
def test_put_of_a_new_document_that_must_exist_is_refused(world: World, precondition: Precondition) -> None:
    with pytest.raises(PreconditionFailed):
        world.configure.put(PARTNER, "acme", partner_body(), ADMIN, precondition)

    assert world.documents.rows == {}


@pytest.mark.parametrize("id_", ["", ".acme", "a/b", "a" * 65, "a b", "acmé"])
def test_put_under_an_id_that_is_none_is_refused(world: World, id_: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        world.configure.put(PARTNER, id_, partner_body(), ADMIN)

    assert [mistake.path for mistake in refused.value.mistakes] == ["id"]


def test_put_of_a_campaign_without_its_partner_lists_that_beside_its_other_mistakes(world: World) -> None:
    with pytest.raises(RequestInvalid) as refused:
        world.configure.put(CAMPAIGN, "spring", {"partner_id": "nobody"}, ADMIN)

    assert refused.value.mistakes == (
        Mistake("partner_id", "There is no partner of this id."),
        Mistake("name", "This member is required."),
    )


def test_put_of_a_campaign_whose_partner_goes_meanwhile_is_refused(world: World) -> None:
    class Racing(MemoryDocuments):
        def put(self, *_: Any) -> Any:
            raise PartnerUnknown

    world.with_partners("acme")
    configure = ConfigureDocuments(Racing(world.documents.rows), world.audit, world.clock, OutboundPolicy())

    with pytest.raises(RequestInvalid) as refused:
        configure.put(CAMPAIGN, "spring", campaign_body(), ADMIN)

    assert refused.value.mistakes == (Mistake("partner_id", "There is no partner of this id."),)


def test_delete_of_a_partner_with_a_campaign_is_refused(world: World) -> None:
    world.with_partners("acme").with_campaign("spring", "acme")

    with pytest.raises(PartnerInUse):
        world.configure.delete(PARTNER, "acme", ADMIN)

    assert world.documents.find(PARTNER, "acme") is not None


def test_delete_removes_the_document_and_audits_it(world: World) -> None:
    world.with_partners("acme")

    world.configure.delete(PARTNER, "acme", ADMIN, Precondition(must_exist=True, versions=frozenset({1})))

    assert world.documents.find(PARTNER, "acme") is None
    assert world.audit.entries[-1] == AuditEntry(NOW, "admin", "partner.deleted", "acme", {"version": 1}, "acme")


def test_delete_of_another_version_is_refused(world: World) -> None:
    world.with_partners("acme", "acme")

    with pytest.raises(PreconditionFailed):
        world.configure.delete(PARTNER, "acme", ADMIN, Precondition(must_exist=True, versions=frozenset({1})))

    assert world.documents.find(PARTNER, "acme") is not None


@pytest.mark.parametrize("id_", ["nobody", "../etc"])
@pytest.mark.parametrize(
    ("kind", "error"), [pytest.param(PARTNER, PartnerUnknown, id="p"), pytest.param(CAMPAIGN, CampaignUnknown, id="c")]
)
def test_document_that_is_not_there_is_unknown(
    world: World, kind: DocumentKind, error: type[RequestError], id_: str
) -> None:
    with pytest.raises(error):
        world.configure.get(kind, id_, ADMIN)
    with pytest.raises(error):
        world.configure.delete(kind, id_, ADMIN)


def test_list_is_read_page_by_page(world: World) -> None:
    world.with_partners("c", "a", "b")

    first = world.configure.load_page(PARTNER, ADMIN, limit=2)
    second = world.configure.load_page(PARTNER, ADMIN, first.after, limit=2)

    assert ([stored.id for stored in first.documents], first.after) == (["a", "b"], "b")
    assert ([stored.id for stored in second.documents], second.after) == (["c"], None)


def test_bound_client_sees_its_own_partner_and_campaigns_alone(world: World) -> None:
    world.with_partners("acme", "other").with_campaign("spring", "acme").with_campaign("autumn", "other")

    partners = world.configure.load_page(PARTNER, BOUND)
    campaigns = world.configure.load_page(CAMPAIGN, BOUND)

    assert [stored.id for stored in partners.documents] == ["acme"]
    assert [stored.id for stored in campaigns.documents] == ["spring"]
    assert world.configure.get(CAMPAIGN, "spring", BOUND).id == "spring"


@pytest.mark.parametrize(
    ("kind", "id_", "error"),
    [pytest.param(PARTNER, "other", PartnerUnknown, id="p"), pytest.param(CAMPAIGN, "autumn", CampaignUnknown, id="c")],
)
def test_bound_client_finds_nothing_where_others_have_something(
    world: World, kind: DocumentKind, id_: str, error: type[RequestError]
) -> None:
    world.with_partners("acme", "other").with_campaign("autumn", "other")
    body = partner_body() if kind is PARTNER else campaign_body()
    before = dict(world.documents.rows)

    with pytest.raises(error):
        world.configure.get(kind, id_, BOUND)
    with pytest.raises(error):
        world.configure.put(kind, id_, body, BOUND)
    with pytest.raises(error):
        world.configure.delete(kind, id_, BOUND)

    assert world.documents.rows == before


def test_bound_client_cannot_make_another_partner_or_give_it_a_campaign(world: World) -> None:
    world.with_partners("acme", "other")

    with pytest.raises(PartnerUnknown):
        world.configure.put(PARTNER, "third", partner_body(), BOUND)
    with pytest.raises(RequestInvalid) as refused:
        world.configure.put(CAMPAIGN, "spring", campaign_body(partner_id="other"), BOUND)

    assert refused.value.mistakes == (Mistake("partner_id", "There is no partner of this id."),)


def test_bound_client_changes_its_own(world: World) -> None:
    world.with_partners("acme")

    partner = world.configure.put(PARTNER, "acme", partner_body(name="New"), BOUND)
    campaign = world.configure.put(CAMPAIGN, "spring", campaign_body(), BOUND)

    assert (partner.stored.version, campaign.stored.version) == (2, 1)
