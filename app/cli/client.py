"""`vestibule client`: who may use the management interface."""

import re
from dataclasses import replace

import click

from app.cli.output import examples, json_option, remark, show_json, show_table, wants_json
from app.cli.wiring import opened
from app.domain.scopes import Scope, granted_scopes
from app.domain.session import rfc3339
from app.errors import Mistake, NotFound, PartnerUnknown, RequestInvalid
from app.management_ports import ApiClient, DocumentKind
from app.steps.authorize import LOCAL_CALLER
from app.steps.client_secrets import hash_secret, new_secret

_SCOPES = [scope.value for scope in Scope]
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@click.group
def client() -> None:
    """Create, list and revoke management clients."""


@client.command(
    epilog=examples(
        "vestibule client create ci --scope partners:read --scope partners:write",
        "vestibule client create acme-team --partner acme --json",
    )
)
@click.argument("client_id")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(_SCOPES),
    help="May be repeated; none: all.",
)
@click.option("--partner", "partner_id", help="Bind the client to this partner; it sees nothing else.")
@click.option("--replace", "may_replace", is_flag=True, help="Give an existing client a new secret and these rights.")
@click.option("--unbind", "may_unbind", is_flag=True, help="With --replace: bind the client to no partner any more.")
@json_option
def create(
    client_id: str, scopes: tuple[str, ...], partner_id: str | None, *, may_replace: bool, may_unbind: bool
) -> None:
    """Create a client and show its secret, this once."""
    if may_unbind and partner_id:
        raise click.UsageError("--unbind and --partner exclude each other.")
    if not _ID.fullmatch(client_id):
        raise RequestInvalid((Mistake("client_id", "1 to 64 characters of A-Z, a-z, 0-9, dot, underscore, hyphen."),))
    secret = new_secret()
    with opened() as wiring:
        known = wiring.clients.find(client_id)
        if known is not None and not may_replace:
            raise RequestInvalid((Mistake("client_id", "There is such a client; --replace gives it a new secret."),))
        if known is not None and known.partner_id and not partner_id and not may_unbind:
            told = f"The client is bound to {known.partner_id}: name it again, or --unbind the client."
            raise RequestInvalid((Mistake("partner", told),))
        if partner_id is not None and wiring.documents.find(DocumentKind.PARTNER, partner_id) is None:
            raise PartnerUnknown("There is no partner of this id.")
        now = wiring.clock.now()
        made = ApiClient(client_id, hash_secret(secret), frozenset(scopes), partner_id, created_at=now)
        detail = {"scopes": sorted(granted_scopes(made.scopes)), "partner_id": partner_id}
        with wiring.audit.together():
            wiring.clients.put(made)
            wiring.audit.add(LOCAL_CALLER.did("client.created", client_id, now, detail, partner_id))
    if wants_json():
        show_json({**_row(made), "client_secret": secret})
        return
    remark(f"client {client_id} created; its secret is shown this once:")
    click.echo(secret)


@client.command("list", epilog=examples("vestibule client list", "vestibule client list --json"))
@json_option
def list_() -> None:
    """List all clients."""
    with opened() as wiring:
        rows = [_row(known) for known in wiring.clients.load_all()]
    show_table(("client_id", "scope", "partner_id", "created_at", "revoked_at"), rows)


@client.command(epilog=examples("vestibule client revoke ci"))
@click.argument("client_id")
@json_option
def revoke(client_id: str) -> None:
    """Revoke a client; its tokens are refused within a second."""
    with opened() as wiring:
        now = wiring.clock.now()
        known = wiring.clients.find(client_id)
        if known is None:
            raise NotFound("There is no client of this id.")
        with wiring.audit.together():
            if wiring.clients.revoke(client_id, now):
                wiring.audit.add(LOCAL_CALLER.did("client.revoked", client_id, now, partner_id=known.partner_id))
    remark(f"client {client_id} is revoked")
    if wants_json():
        show_json(_row(replace(known, revoked_at=known.revoked_at or now)))


def _row(known: ApiClient) -> dict[str, object]:
    return {
        "client_id": known.id,
        "scope": " ".join(sorted(granted_scopes(known.scopes))),
        "partner_id": known.partner_id,
        "created_at": rfc3339(known.created_at),
        "revoked_at": None if known.revoked_at is None else rfc3339(known.revoked_at),
    }
