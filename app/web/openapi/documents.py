"""The operations on documents: the same for partners and campaigns, whose models are those that validate them."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, Field, create_model

from app import errors
from app.documents.campaign import CampaignDocument
from app.documents.listing import PageQuery
from app.documents.partner import PartnerDocument
from app.domain.scopes import Scope
from app.errors import VestibuleError
from app.web.openapi import parameters
from app.web.openapi.examples import CAMPAIGN, CAMPAIGN_STORED, PARTNER, PARTNER_STORED
from app.web.openapi.operation import JSON, Answer, Content, Header, ManagementOperation, Parameter, Tag
from app.web.openapi.queries import PAGE_CURSOR, query_parameters
from app.web.openapi.shapes import Moment, Shape

_IF_MATCH: Final = Parameter(
    name="If-Match",
    place="header",
    description="Changes only the version of this ETag, or of any where it is `*`; 412 otherwise.",
    schema={"type": "string"},
    example='"3"',
)
_IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    place="header",
    description="With `*`, only creates; with an ETag, leaves that version alone; 412 otherwise.",
    schema={"type": "string"},
    example="*",
)
_IF_CHANGED: Final = Parameter(
    name="If-None-Match",
    place="header",
    description="The ETag that the caller has: answers 304 while it is the document's.",
    schema={"type": "string"},
    example='"3"',
)
_FINDINGS: Final = Header(
    "What the partner's JWKS URL came to within two seconds, if it has one.", parameters.text(), required=False
)


@dataclass(frozen=True, slots=True)
class DocumentOperations:
    """The four calls for one kind of documents."""

    list: ManagementOperation
    get: ManagementOperation
    put: ManagementOperation
    delete: ManagementOperation


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    tag: Tag
    path: str
    id: Parameter
    read: Scope
    write: Scope
    model: type[BaseModel]
    item: type[BaseModel]
    page: type[BaseModel]
    sent: Any
    stored: Any
    put_headers: dict[str, Header]
    unknown: type[VestibuleError]
    delete_errors: tuple[type[VestibuleError], ...]

    def operations(self) -> DocumentOperations:
        return DocumentOperations(self._list(), self._get(), self._put(), self._delete())

    def _list(self) -> ManagementOperation:
        times = {"created_at": parameters.MOMENT, "updated_at": parameters.MOMENT}
        item = {"id": self.id.example, "version": 1, **times, **self.stored}
        page = Content(self.page, {"example": {"items": [item], "cursor": None}}, is_stored=True)
        return ManagementOperation(
            method="GET",
            path=self.path,
            id=f"list{self.name}s",
            tag=self.tag,
            summary=f"List {self.name.lower()}s",
            description="By id, page by page; a client that is bound to one partner sees what belongs to it.",
            scope=self.read,
            parameters=query_parameters(PageQuery, {"cursor": (PAGE_CURSOR, "YWNtZQ==")}),
            answers=(Answer(200, "A page of the list.", {JSON: page}),),
            errors=(errors.RequestInvalid,),
        )

    def _get(self) -> ManagementOperation:
        return ManagementOperation(
            method="GET",
            path=self._one,
            id=f"get{self.name}",
            tag=self.tag,
            summary=f"Read a {self.name.lower()}",
            scope=self.read,
            parameters=(self.id, _IF_CHANGED),
            answers=(
                self._answer(200, "The document; secrets are masked."),
                Answer(304, "The caller has the document as it is.", {}, {"ETag": parameters.ETAG}),
            ),
            errors=(self.unknown,),
        )

    def _put(self) -> ManagementOperation:
        return ManagementOperation(
            method="PUT",
            path=self._one,
            id=f"put{self.name}",
            tag=self.tag,
            summary=f"Create or replace a {self.name.lower()}",
            description="What is not said has its default. A secret that is sent as its mask stays what it is.",
            scope=self.write,
            parameters=(self.id, _IF_MATCH, _IF_NONE_MATCH),
            body={JSON: Content(self.model, {"example": self.sent})},
            answers=(
                self._answer(200, "The document was replaced; it is shown as it is stored.", self.put_headers),
                self._answer(201, "The document is new; it is shown as it is stored.", self.put_headers),
            ),
            errors=(self.unknown, errors.PreconditionFailed),
        )

    def _delete(self) -> ManagementOperation:
        return ManagementOperation(
            method="DELETE",
            path=self._one,
            id=f"delete{self.name}",
            tag=self.tag,
            summary=f"Delete a {self.name.lower()}",
            scope=self.write,
            parameters=(self.id, _IF_MATCH, _IF_NONE_MATCH),
            answers=(Answer(204, "The document is deleted."),),
            errors=(self.unknown, errors.PreconditionFailed, *self.delete_errors),
        )

    @property
    def _one(self) -> str:
        return f"{self.path}/{{{self.id.name}}}"

    def _answer(self, status: int, description: str, headers: dict[str, Header] | None = None) -> Answer:
        content = Content(self.model, {"example": self.stored}, is_stored=True)
        return Answer(status, description, {JSON: content}, {"ETag": parameters.ETAG, **(headers or {})})


def _item_of(model: type[BaseModel], name: str) -> type[BaseModel]:
    return create_model(
        name,
        __base__=model,
        id=(str, ...),
        version=(int, Field(ge=1)),
        created_at=(Moment, ...),
        updated_at=(Moment, ...),
    )


def _page_of(item: Any, name: str) -> type[BaseModel]:
    return create_model(name, __base__=Shape, items=(list[item], ...), cursor=(str | None, ...))


_PARTNER_ITEM: Final = _item_of(PartnerDocument, "ListedPartner")
_CAMPAIGN_ITEM: Final = _item_of(CampaignDocument, "ListedCampaign")

PARTNERS: Final = _Kind(
    "Partner",
    Tag.PARTNERS,
    "/v1/partners",
    parameters.PARTNER_ID,
    Scope.PARTNERS_READ,
    Scope.PARTNERS_WRITE,
    PartnerDocument,
    _PARTNER_ITEM,
    _page_of(_PARTNER_ITEM, "PartnerPage"),
    PARTNER,
    PARTNER_STORED,
    {"Vestibule-Keyset": _FINDINGS},
    errors.PartnerUnknown,
    (errors.PartnerInUse,),
).operations()

CAMPAIGNS: Final = _Kind(
    "Campaign",
    Tag.CAMPAIGNS,
    "/v1/campaigns",
    parameters.CAMPAIGN_ID,
    Scope.CAMPAIGNS_READ,
    Scope.CAMPAIGNS_WRITE,
    CampaignDocument,
    _CAMPAIGN_ITEM,
    _page_of(_CAMPAIGN_ITEM, "CampaignPage"),
    CAMPAIGN,
    CAMPAIGN_STORED,
    {},
    errors.CampaignUnknown,
    (),
).operations()
