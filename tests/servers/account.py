"""The account that a server runs under: PostgreSQL refuses to run as root."""

import os
import pwd
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class PopenAccount(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine, with its group."""

    uid: int
    gid: int

    def as_popen_arguments(self) -> PopenAccount:
        """Return what makes `subprocess.Popen` start the command under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def owns(self, folder: Path) -> None:
        """Give the folder to this account."""
        os.chown(folder, self.uid, self.gid)


def find_unprivileged_account(names: Iterable[str] = ("postgres", "nobody")) -> Account | None:
    """Find the account for a server that refuses root: the first that exists, or None (our own) unless we are root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next((Account(known[name].pw_uid, known[name].pw_gid) for name in names if name in known), None)
