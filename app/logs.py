"""Logs: static event names with fields beside them, one JSON object a line on stderr, secrets never.

Redaction comes last but for the time in front and rendering, for our own events and for those of libraries alike. Of an
exception only its type and where it was raised are told: its text may hold what a caller sent.
"""

import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from traceback import walk_tb
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.compact_json import encode
from app.log_lines import StderrLogger, moment, put

REDACTED: Final = "[redacted]"
SENSITIVE: Final = frozenset(
    {
        "access_token",
        "assertion",
        "authorization",
        "bearer",
        "body",
        "claims",
        "client_secret",
        "cookie",
        "custom",
        "email",
        "form",
        "gift",
        "jti",
        "master_keys",
        "optin",
        "participant",
        "password",
        "prefill",
        "query",
        "secret",
        "session_key",
        "sub",
        "token",
        "url",
    }
)
"""Names of fields whose value is never shown, whatever it is."""

_SHORTEST_SECRET: Final = 16
_LENGTH_OF_SESSION_KEY: Final = 52
_DOTS_OF_JWS: Final = 2
_PLAIN: Final = frozenset({int, float, bool, type(None)})
_SECRET = re.compile(
    r"e[wy][A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){2,4}"  # a compact JWS or JWE: its header is a JSON object
    r"|\b[0-9a-f]{8}\.[A-Za-z0-9_-]{43}"  # a session key
    r"|\b(?:Bearer|Basic) [A-Za-z0-9._~+/=-]+"
)
_FRAMES: Final = 4
"""How many of the innermost frames tell where an error was raised."""
_LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_ANSWERED: Final = "request.answered"
_LEVEL_NAMES: Final[Mapping[str, str]] = {"exception": "error", "warn": "warning", "fatal": "critical"}

_log: Final = structlog.get_logger()
_chain: list[Processor] = []
"""One list for the life of the process, since loggers that were used keep the one they were made with."""
_tells_directly = False


def configure(level: str = "info", style: str = "json") -> None:
    """Send all events, our own and those of `logging`, through one chain to stderr; `style` is `json` or `console`."""
    global _tells_directly  # noqa: PLW0603 - as the chain, there is one in a process
    least = _LEVELS[level]
    _tells_directly = style == "json" and least <= logging.INFO
    render: list[Processor] = [_render_json] if style == "json" else [structlog.dev.ConsoleRenderer(colors=False)]
    _chain[:] = [structlog.contextvars.merge_contextvars, explain, redact, stamp, *render]
    structlog.configure(
        processors=_chain,
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: StderrLogger(),
        cache_logger_on_first_use=True,
    )
    handler = _ForeignHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.contextvars.merge_contextvars, _name_foreign],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, explain, redact, stamp, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.INFO))
    for chatty in ("sqlalchemy.engine", "alembic.runtime.migration"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def tell_answered(
    request_id: str, method: str, route: str, status: int, seconds: float, code: str | None = None
) -> None:
    """Log `request.answered`, with `code` where it failed: the line that any event makes, at a fraction of its cost.

    The request's id is of letters, digits and `._-`, so that it needs no escapes. It may be the caller's choice, and is
    looked through like any text.
    """
    if not _tells_directly:
        failed = {} if code is None else {"code": code}
        fields = {"method": method, "route": route, "status": status, **failed, "duration_ms": round(seconds * 1000, 2)}
        _log.info(_ANSWERED, request_id=request_id, **fields)
        return
    shown = _SECRET.sub(REDACTED, request_id) if _may_hold_a_secret(request_id) else request_id
    spelled = _spelled_answer(method, route, status, code)
    put(
        f'{{"at":"{moment()}","level":"info","event":"{_ANSWERED}","request_id":"{shown}",{spelled},'
        f'"duration_ms":{seconds * 1000:.2f}}}'
    )


def stamp(_: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Put when, how bad and what in front."""
    name = event.pop("event", "")
    return {"at": moment(), "level": _LEVEL_NAMES.get(method, method), "event": name, **event}


def explain(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and where it was raised."""
    exc_info = event.pop("exc_info", None)
    if exc_info:
        error = exc_info if isinstance(exc_info, BaseException) else _current(exc_info)
        if error is not None:
            event.update(fault_fields(error))
    return event


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Mask every field of a sensitive name, and whatever looks like a token, a session key or a credential."""
    for name, value in event.items():
        if name in SENSITIVE:
            event[name] = REDACTED
        elif value.__class__ is str:
            if len(value) >= _SHORTEST_SECRET and _may_hold_a_secret(value):
                event[name] = _SECRET.sub(REDACTED, value)
        elif value.__class__ not in _PLAIN and isinstance(value, Mapping | list | tuple | bytes):
            event[name] = _redacted(value)
    return event


def fault_fields(error: BaseException) -> dict[str, object]:
    """Return the fields that tell of `error`: the types along its causes, and the frames where it was raised."""
    kinds: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(kinds) < _FRAMES:
        kinds.append(type(cause).__qualname__)
        cause = cause.__cause__
    frames = [f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in walk_tb(error.__traceback__)]
    return {"error": " < ".join(kinds), "where": " > ".join(frames[-_FRAMES:])}


class _ForeignHandler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._out = StderrLogger()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._out.msg(self.format(record))
        except Exception as error:  # noqa: BLE001 - a record that cannot be formatted is told of, not raised
            self._out.msg(_render_json(None, "error", {"event": "log.failed", **fault_fields(error)}))


def _name_foreign(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        event["logger"] = record.name
    return event


def _render_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return encode(event, default=str).decode()


def _current(exc_info: object) -> BaseException | None:
    return exc_info[1] if isinstance(exc_info, tuple) else sys.exc_info()[1]


@lru_cache(maxsize=256)
def _spelled_answer(method: str, route: str, status: int, code: str | None) -> str:
    """Return what many requests have in common, as members of a JSON object; a method may be the caller's choice."""
    failed = {} if code is None else {"code": code}
    fields = {"method": _SECRET.sub(REDACTED, method), "route": route, "status": status, **failed}
    return encode(fields)[1:-1].decode()


def _may_hold_a_secret(text: str) -> bool:
    """Tell by what every alternative of `_SECRET` holds, since nearly every text holds none: to search costs more."""
    return " " in text or text.count(".") >= _DOTS_OF_JWS or len(text) >= _LENGTH_OF_SESSION_KEY


def _redacted(value: object) -> object:
    match value:
        case str():
            return _SECRET.sub(REDACTED, value)
        case Mapping():
            return {name: REDACTED if name in SENSITIVE else _redacted(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_redacted(inner) for inner in value]
        case bytes():
            return REDACTED
        case _:
            return value
