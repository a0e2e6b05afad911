"""The guide to the interfaces names every management call that is served, with its scope."""

import re

from tests.architecture.sources import ROOT
from tests.web.conforming import interface

ROW = re.compile(r"^\|(.*`.*)\|(.*)\|$", re.MULTILINE)
PLACE = re.compile(r"\{[a-z_]+\}")


def test_interfaces_guide_names_every_management_call_with_its_scope() -> None:
    guide = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8")
    rows = [(PLACE.sub("{}", calls), scopes) for calls, scopes in ROW.findall(guide)]

    unnamed = []
    for operation in interface().operations():
        if "accessToken" not in str(operation.content["security"]):
            continue
        [scope] = operation.content["security"][0]["accessToken"]
        path = PLACE.sub("{}", operation.path)
        *_, before, last = path.split("/")
        names = (f"{path}`", f"…/{before}/{last}`", f"`{last}`")  # whole, or after another call of the same place
        if not any(any(name in calls for name in names) and f"`{scope}`" in scopes for calls, scopes in rows):
            unnamed.append((operation.method, operation.path, scope))

    assert len(rows) > 10
    assert unnamed == []
