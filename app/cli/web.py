"""`vestibule web`: the web process in the foreground."""

import click

from app.cli.output import examples, json_option, wants_json
from app.settings import load_settings
from app.web.server import serve

_PORT = click.IntRange(0, 65535)


def _host(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value == "":  # it would be every address of this machine
        raise click.BadParameter("must not be empty")
    return value


@click.command(epilog=examples("vestibule web", "vestibule web --host 0.0.0.0 --port 80 --json"))
@click.option("--host", callback=_host, help="Address that the public port listens on.")
@click.option("--port", type=_PORT, help="Public port.")
@click.option("--admin-port", type=_PORT, help="Port of health and metrics.")
@click.option("--reuse-port", is_flag=True, help="Share the public port with other processes of this machine.")
@json_option
def web(host: str | None, port: int | None, admin_port: int | None, *, reuse_port: bool) -> None:
    """Serve the public and the management port until SIGTERM; with --json every line of the log is JSON."""
    given = {"host": host, "port": port, "admin_port": admin_port, "log_format": "json" if wants_json() else None}
    settings = load_settings().model_copy(update={name: value for name, value in given.items() if value is not None})
    serve(settings, reuse_port=reuse_port)
