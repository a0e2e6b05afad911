"""`vestibule migrate`: the database at this version, the installation's secrets, the first management client."""

import click

from app.adapters.database import migrate as database_migration
from app.cli.output import examples, json_option, remark, show_json, wants_json
from app.cli.wiring import opened
from app.steps.prepare import PrepareInstallation
from app.steps.secrets import EnsureSecrets


@click.command(epilog=examples("vestibule migrate", "vestibule migrate --json"))
@json_option
def migrate() -> None:
    """Bring the database to this version; running it again changes nothing."""
    with opened() as wiring:
        revision = database_migration.migrate(wiring.database)
        settings = wiring.settings
        prepare = PrepareInstallation(
            EnsureSecrets(wiring.secrets, wiring.clock),
            wiring.clients,
            wiring.audit,
            wiring.clock,
            settings.admin_client_id,
            settings.admin_client_secret.get_secret_value(),
        )
        admin = prepare()
    remark(f"the database is at revision {revision}; management client of the settings: {admin.replace('_', ' ')}")
    if wants_json():
        show_json({"revision": revision, "admin_client": admin})
