"""Runs a program of the service, sabotaged: `python -m tests.faults.sabotage HOW FILE PROGRAM ARGUMENTS…`.

The service itself has no switch for any of this: its classes are changed before its program begins. HOW is `poison`
(the process dies by SIGKILL when it works on a session whose token names a marked person), `hang` (the judging of such
a session never ends, and is given a few seconds to), `linger` (the work on a marked person takes long), `thrice` (every
hint is sent three times), or `freeze` (the process stops by SIGSTOP inside its first transaction that locks partners'
health); each with a line in FILE for every time.
"""

import os
import runpy
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import celery

from app.adapters.database import fetch_postgres
from app.adapters.partner_http import HttpPartnerApi
from app.domain.prefill import PrefillCall
from app.jose.base64url import decode
from app.steps.judge import JudgeToken
from workers import composition

MARK = "poison"
"""What begins the name of a marked person."""
LINGER_SECONDS = 1.5
HANG_SECONDS = 2.0


def prefix(how: str, file: Path) -> list[str]:
    """Return the words before a command that sabotage it."""
    return [sys.executable, "-m", __name__, how, str(file)]


def _poison(note: Callable[[str], None]) -> None:
    judge, fetch = JudgeToken.__call__, HttpPartnerApi.fetch

    def judge_or_die(self: JudgeToken, token: str, *rest: Any, **named: Any) -> Any:
        if _is_marked(token, f"{MARK}-verify"):
            _die(note, "verify")
        return judge(self, token, *rest, **named)

    async def fetch_or_die(self: HttpPartnerApi, call: PrefillCall) -> Any:
        if f"{MARK}-fetch" in call.url:
            _die(note, "fetch")
        return await fetch(self, call)

    _replace(JudgeToken, "__call__", judge_or_die)
    _replace(HttpPartnerApi, "fetch", fetch_or_die)


def _hang(note: Callable[[str], None]) -> None:
    judge = JudgeToken.__call__

    def judge_or_hang(self: JudgeToken, token: str, *rest: Any, **named: Any) -> Any:
        if _is_marked(token, f"{MARK}-verify"):
            note("verify")
            threading.Event().wait()
        return judge(self, token, *rest, **named)

    _replace(JudgeToken, "__call__", judge_or_hang)
    _replace(composition, "VERIFY_SECONDS", HANG_SECONDS)


def _linger(note: Callable[[str], None]) -> None:
    judge = JudgeToken.__call__

    def judge_late(self: JudgeToken, token: str, *rest: Any, **named: Any) -> Any:
        if _is_marked(token, "linger"):
            note("verify")
            time.sleep(LINGER_SECONDS)  # stands for work that keeps the processor busy
        return judge(self, token, *rest, **named)

    _replace(JudgeToken, "__call__", judge_late)


def _thrice(note: Callable[[str], None]) -> None:
    send = celery.Celery.send_task

    def send_thrice(self: celery.Celery, name: str, *args: Any, **options: Any) -> Any:
        for _ in range(2):
            note(name)
            send(self, name, *args, **options)
        return send(self, name, *args, **options)

    _replace(celery.Celery, "send_task", send_thrice)


def _freeze(note: Callable[[str], None]) -> None:
    look = fetch_postgres.look

    def freeze_and_look(*args: Any) -> Any:
        _replace(fetch_postgres, "look", look)
        note("fetch")
        os.kill(os.getpid(), signal.SIGSTOP)
        return look(*args)

    _replace(fetch_postgres, "look", freeze_and_look)


def _is_marked(token: str, mark: str) -> bool:
    return f'"sub":"{mark}'.encode() in decode(token.split(".")[1])


def _die(note: Callable[[str], None], stage: str) -> None:
    note(stage)
    os.kill(os.getpid(), signal.SIGKILL)


def _replace(owner: object, name: str, method: object) -> None:
    setattr(owner, name, method)


def _noting(file: str) -> Callable[[str], None]:
    def note(line: str) -> None:
        with Path(file).open("a") as opened:  # one short write to a file open for appending: lines never mix
            opened.write(f"{line}\n")

    return note


if __name__ == "__main__":
    how, file, program = sys.argv[1:4]
    ways = {"poison": _poison, "hang": _hang, "linger": _linger, "thrice": _thrice, "freeze": _freeze}
    ways[how](_noting(file))
    del sys.argv[:3]
    runpy.run_path(str(shutil.which(program)), run_name="__main__")
