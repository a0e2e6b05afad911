"""The commands of documents, the same for partners and campaigns: put, get, list.

They work beside the database with every permission; over the network there is the management interface.
"""

from typing import Any, BinaryIO

import click

from app.cli.keyset_trial import remark_keys
from app.cli.output import examples, json_option, remark, show_json, show_table
from app.cli.wiring import opened
from app.documents.listing import MAX_PAGE
from app.domain.session import rfc3339
from app.domain.strict_json import NotStrictJson, parse
from app.errors import BodyTooLarge, RequestMalformed
from app.management_ports import DocumentKind, StoredDocument
from app.steps.authorize import LOCAL_CALLER

_MAX_FILE_BYTES = 1024 * 1024


def read_document(file: BinaryIO) -> object:
    """Return what a file says; raise RequestMalformed if that is not strict JSON, BodyTooLarge beyond 1 MiB."""
    content = file.read(_MAX_FILE_BYTES + 1)
    if len(content) > _MAX_FILE_BYTES:
        raise BodyTooLarge("The file is larger than 1 MiB.")
    try:
        return parse(content)
    except NotStrictJson as error:
        raise RequestMalformed(f"The file is not strict JSON: {error}.") from None


def document_commands(kind: DocumentKind, columns: tuple[str, ...]) -> list[click.Command]:
    """Return the commands for one kind of documents; `columns` are those of its list."""
    return [_put_command(kind), _get_command(kind), _list_command(kind, columns)]


def _put_command(kind: DocumentKind) -> click.Command:
    @click.command(
        epilog=examples(
            f"vestibule {kind} put spring {kind}.json", f"vestibule {kind} put spring - --json < {kind}.json"
        )
    )
    @click.argument("id", metavar=f"{kind.upper()}_ID")
    @click.argument("file", type=click.File("rb"))
    @json_option
    def put(id: str, file: BinaryIO) -> None:  # noqa: A002 - click names the argument
        """Store the document in FILE (- for standard input); secrets shown as ******** keep what is stored."""
        body = read_document(file)
        with opened() as wiring:
            done = wiring.configure.put(kind, id, body, LOCAL_CALLER)
            remark(f"{kind} {id} {'created' if done.is_new else 'changed'}, version {done.stored.version}")
            show_json(done.stored.document)
            if kind is DocumentKind.PARTNER:
                remark_keys(wiring.try_keyset, done.stored.document)

    return put


def _get_command(kind: DocumentKind) -> click.Command:
    @click.command(epilog=examples(f"vestibule {kind} get spring", f"vestibule {kind} get spring > {kind}.json"))
    @click.argument("id", metavar=f"{kind.upper()}_ID")
    @json_option
    def get(id: str) -> None:  # noqa: A002 - click names the argument
        """Show the document, its secrets masked."""
        with opened() as wiring:
            show_json(wiring.configure.get(kind, id, LOCAL_CALLER).document)

    return get


def _list_command(kind: DocumentKind, columns: tuple[str, ...]) -> click.Command:
    @click.command("list", epilog=examples(f"vestibule {kind} list", f"vestibule {kind} list --json"))
    @json_option
    def list_() -> None:
        """List all documents."""
        rows: list[dict[str, Any]] = []
        after: str | None = None
        with opened() as wiring:
            while True:
                page = wiring.configure.load_page(kind, LOCAL_CALLER, after, MAX_PAGE)
                rows += map(_row, page.documents)
                after = page.after
                if after is None:
                    break
        show_table(("id", "version", *columns, "updated_at"), rows)

    return list_


def _row(stored: StoredDocument) -> dict[str, Any]:
    return {"id": stored.id, "version": stored.version, **stored.document, "updated_at": rfc3339(stored.updated_at)}
