"""Rules about the project's files, whatever they hold."""

import json
import re

import pytest

from tests.architecture.sources import ROOT, code_files, function_lengths, text_files

MAX_LINES = 300
MAX_FUNCTION_LINES = 30
TABLE = "workers/celery_app.py:configuration"
"""Celery's settings, each with its reason: a table, which decides nothing."""
# Spelt so that this file does not name them itself.
OF_ONE_MACHINE = re.compile(
    r"(?<![\w.])/(?:wor[k]/|roo[t]/|hom[e]/\w|opt/(?:wheel[s]|pyp[i])|tmp/w[/])"
    r"|pyp[i]\.org|pythonhoste[d]\.org|registry\.npmj[s]|debian\.or[g]|PIP_(?:FIND|INDEX|EXTRA)[_]"
)


def test_code_file_fits_on_a_few_screens() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in code_files()}

    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_function_fits_on_a_screen() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}:{name}": lines
        for path in code_files()
        for name, lines in function_lengths(path)
        if f"{path.relative_to(ROOT)}:{name}" != TABLE
    }

    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def test_docstring_of_an_adapter_names_its_ports_where_they_stand() -> None:
    named = [
        (path.name, module, port)
        for path in code_files()
        for line in re.findall(r'"""Implements .*', path.read_text())
        for module, port in re.findall(r"`(\w*ports)\.(\w+)`", line)
    ]

    assert len(named) > 20
    assert [entry for entry in named if f"class {entry[2]}(" not in (ROOT / f"app/{entry[1]}.py").read_text()] == []


def test_no_file_names_one_machine_or_a_registry() -> None:
    found = [f"{path.relative_to(ROOT)}: {hit}" for path, text in text_files() for hit in OF_ONE_MACHINE.findall(text)]

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("cd /" + "work/main", id="workplace"),
        pytest.param("HOME=/" + "root/x", id="home-of-root"),
        pytest.param("--index-url https://pypi." + "org/simple", id="registry"),
    ],
)
def test_name_of_one_machine_is_found(text: str) -> None:
    assert OF_ONE_MACHINE.search(text)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "bench/peers/requirements.lock"])
def test_lock_file_pins_every_package_by_version_and_hash(lock: str) -> None:
    entries = (ROOT / lock).read_text().replace("\\\n", " ").splitlines()
    packages = [entry for entry in entries if not entry.startswith("#")]

    loose = [entry for entry in packages if not re.match(r"[\w.-]+==\S+ (;.*)?.*--hash=sha256:[0-9a-f]{64}", entry)]

    assert packages
    assert loose == []


def test_npm_lock_pins_every_package_by_version_and_hash_and_names_no_address() -> None:
    lock = json.loads((ROOT / "tests" / "interop" / "node" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}

    loose = [name for name, entry in packages.items() if not {"version", "integrity"} <= entry.keys()]
    addressed = [name for name, entry in packages.items() if "resolved" in entry]

    assert packages
    assert (loose, addressed) == ([], [])


def test_dev_lock_agrees_with_the_runtime_lock() -> None:
    runtime, everything = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.lock", "requirements-dev.lock")
    )

    assert {name: everything.get(name) for name in runtime} == runtime
