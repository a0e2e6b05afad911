"""`vestibule keys`: the keys that a partner publishes; shown, refreshed, revoked, pinned by hand."""

from typing import Any, BinaryIO, Final

import click

from app.cli.documents import read_document
from app.cli.master_keys import rotate_master
from app.cli.output import examples, json_option, remark, show_json, show_table, wants_json
from app.cli.wiring import Wiring, opened
from app.domain.key_guide import KEY_SENTENCES
from app.domain.keyset_view import event_view, keyset_view
from app.keyset_ports import StoredKeyset
from app.steps.authorize import LOCAL_CALLER
from app.steps.revocation_view import revocation_view

_KEY_COLUMNS: Final = ("kid", "kty", "alg", "thumbprint", "first_seen")
_EVENT_COLUMNS: Final = ("at", "event", "kid", "thumbprint", "version")
_VERSION_COLUMNS: Final = ("thumbprint", "version", "sessions")
_SESSION_COLUMNS: Final = ("session_id", "campaign_id", "thumbprint", "version", "verified_at")


@click.group
def keys() -> None:
    """Show, refresh, revoke and pin the keys that a partner publishes."""


@keys.command(epilog=examples("vestibule keys show acme", "vestibule keys show acme --history --json"))
@click.argument("partner_id")
@click.option("--history", is_flag=True, help="Show what became of each key instead, newest first.")
@json_option
def show(partner_id: str, *, history: bool) -> None:
    """Show the key set of a partner."""
    with opened() as wiring:
        if history:
            events = wiring.manage_keysets.load_history(partner_id, LOCAL_CALLER)
            show_table(_EVENT_COLUMNS, [event_view(event) for event in events])
        else:
            _show(wiring, wiring.manage_keysets.show(partner_id, LOCAL_CALLER))


@keys.command(epilog=examples("vestibule keys refresh acme"))
@click.argument("partner_id")
@json_option
def refresh(partner_id: str) -> None:
    """Ask for a refresh now; shows what is known at this moment."""
    with opened() as wiring:
        stored = wiring.manage_keysets.refresh(partner_id, LOCAL_CALLER)
        remark("asked for: a fetch worker does it within two seconds")
        _show(wiring, stored)


@keys.command(
    epilog=examples("vestibule keys revoke acme --kid k1 --dry-run", "vestibule keys revoke acme --kid k1 --void")
)
@click.argument("partner_id")
@click.option("--kid", required=True, help="The key's id, as the partner publishes it.")
@click.option("--dry-run", is_flag=True, help="Revoke nothing; list what the key had accepted.")
@click.option("--void", is_flag=True, help="Reject the sessions that the key had accepted.")
@json_option
def revoke(partner_id: str, kid: str, *, dry_run: bool, void: bool) -> None:
    """Revoke a key by its thumbprint, whatever the partner publishes; it is refused from the next batch on."""
    if dry_run and void:
        raise click.UsageError("A dry run voids nothing.")
    with opened() as wiring:
        step = wiring.revoke_key
        revocation = step.begin(partner_id, kid, LOCAL_CALLER, dry_run=dry_run, void=void)
        while not revocation.is_over:
            revocation = step.go_on(revocation, LOCAL_CALLER)
    view = revocation_view(revocation)
    if wants_json():
        show_json(view)
        return
    remark(f"{kid} {'would be' if dry_run else 'is'} revoked: {', '.join(sorted(revocation.thumbprints))}")
    if dry_run or void:
        _show_accepted(view)


@keys.command(
    epilog=examples(
        "vestibule keys pin acme jwks.json", "curl -s https://acme.example/jwks.json | vestibule keys pin acme -"
    )
)
@click.argument("partner_id")
@click.argument("file", type=click.File("rb"))
@json_option
def pin(partner_id: str, file: BinaryIO) -> None:
    """Use the keys of the JWK Set in FILE (- for standard input) and fetch no others."""
    document = read_document(file)
    with opened() as wiring:
        _show(wiring, wiring.manage_keysets.pin(partner_id, document, LOCAL_CALLER))


@keys.command(epilog=examples("vestibule keys unpin acme"))
@click.argument("partner_id")
@json_option
def unpin(partner_id: str) -> None:
    """Go back to the keys that the partner publishes; its tokens wait until those are fetched."""
    with opened() as wiring:
        _show(wiring, wiring.manage_keysets.unpin(partner_id, LOCAL_CALLER))


keys.add_command(rotate_master)


def _show(wiring: Wiring, stored: StoredKeyset) -> None:
    view: dict[str, Any] = keyset_view(stored.keyset, stored.first_seen, wiring.clock.now())
    if wants_json():
        show_json(view)
        return
    for name in ("state", "version", "fetched_at", "fresh_until", "stale_until", "last_error"):
        click.echo(f"{name}: {'' if view[name] is None else view[name]}")
    show_table(_KEY_COLUMNS, view["keys"])
    if view["dropped"]:
        show_table(
            ("kid", "reason", "meaning"),
            [{**key, "meaning": KEY_SENTENCES.get(key["reason"])} for key in view["dropped"]],
        )


def _show_accepted(view: dict[str, Any]) -> None:
    remark(f"it had accepted {view['accepted']} sessions, of which {view['voided']} are void now, {view['left']} not")
    show_table(_VERSION_COLUMNS, view["by_version"])
    show_table(_SESSION_COLUMNS, view["sessions"])
