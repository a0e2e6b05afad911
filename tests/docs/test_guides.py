"""The guides: their links lead somewhere, the README stays short, and every reason is explained."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.inspection import Reason
from app.domain.key_guide import KEY_SENTENCES
from app.domain.reason_guide import EXPLANATIONS, GUIDE, guide_link
from app.jose.gate import MAX_KID_CHARACTERS
from app.jose.keys import MAX_KEYS
from app.jose.material import RSA_MAX_BITS
from app.reasons import ParticipationReason, PrefillReason, TokenReason
from tests.architecture.sources import ROOT, text_files

README_LINES = 250
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
LINK_TEXT = re.compile(r"\[([^\]]*)\]\([^)\s]+\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def _broken_links(guide: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(CODE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = guide.parent / name if name else guide
        if not file.exists():
            yield f"{guide.name}: {target} does not exist"
        elif anchor and anchor not in anchors_of(file.read_text(encoding="utf-8")):
            yield f"{guide.name}: {target} has no such heading"


def anchors_of(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_guide_links_lead_to_files_and_headings_that_exist() -> None:
    guides = [(path, text) for path, text in text_files() if path.suffix == ".md"]

    broken = [problem for path, text in guides for problem in _broken_links(path, text)]

    assert guides
    assert broken == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param("[a](there.md) [b](#here-it-is) [c](https://example.com/x)\n# Here it is", 0, id="whole"),
        pytest.param("[a](nowhere.md)", 1, id="no-file"),
        pytest.param("[a](there.md#nothing)", 1, id="no-heading"),
        pytest.param("`[a](nowhere.md)`\n```\n[a](nowhere.md)\n```\n", 0, id="in-code"),
    ],
)
def test_link_that_leads_nowhere_is_found(tmp_path: Path, text: str, problems: int) -> None:
    (tmp_path / "there.md").write_text("# There")
    guide = tmp_path / "guide.md"
    guide.write_text(text)

    found = list(_broken_links(guide, text))

    assert len(found) == problems


def test_readme_can_be_read_in_one_go() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= README_LINES


EXPLAINED = {reason: explanation for reasons in EXPLANATIONS.values() for reason, explanation in reasons.items()}


@pytest.mark.parametrize("reason", list(EXPLAINED))
def test_reasons_guide_has_cause_and_cure_of_each_reason_under_its_anchor(reason: Reason) -> None:
    text = (ROOT / GUIDE).read_text(encoding="utf-8")
    section = text.partition(f"\n### {reason}\n")[2].partition("\n#")[0]

    cause, cure = (LINK_TEXT.sub(r"\1", part.replace("\n", " ")) for part in section.strip().split("\n\n")[:2])

    assert (cause, cure) == (f"Cause: {EXPLAINED[reason].cause}", f"Cure: {EXPLAINED[reason].cure}")
    assert guide_link(reason).partition("#")[2] in anchors_of(text)


def test_reasons_guide_covers_every_reason() -> None:
    assert set(EXPLAINED) == {*TokenReason, *ParticipationReason, *PrefillReason}


def test_reasons_guide_has_the_sentence_of_each_key_that_is_not_used() -> None:
    section = (ROOT / GUIDE).read_text(encoding="utf-8").partition("\n## Why a key is not used\n")[2]

    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)

    assert dict(rows) == KEY_SENTENCES


REFUSAL = re.compile(r"(?:KeyRefused\(|DroppedKey\([^\n]*, )(f?)\"([a-z0-9_{}]+)\"\)")
OURS = frozenset({"kind_unknown"})  # of a caller's mistake, which no key brings about


def test_every_reason_for_which_a_key_is_not_used_has_a_sentence() -> None:
    sources = [*(ROOT / "app/jose").glob("*.py"), *(ROOT / "app/cli").glob("*.py")]

    named = {found for path in sources for found in REFUSAL.findall(path.read_text(encoding="utf-8"))}

    made = {"{name}_invalid": ("kid", "alg", "use"), "secret_not_{encoding}": ("base64url", "hex", "text")}
    reasons = {reason for is_made, reason in named if not is_made}
    reasons |= {re.sub(r"{\w+}", word, reason) for is_made, reason in named if is_made for word in made[reason]}
    assert reasons - OURS == KEY_SENTENCES.keys() - {"key_revoked"}


def test_sentences_of_keys_name_the_bounds_that_hold() -> None:
    said = {"too_many_keys": MAX_KEYS, "kid_invalid": MAX_KID_CHARACTERS, "rsa_size": RSA_MAX_BITS}

    assert all(str(bound) in KEY_SENTENCES[reason] for reason, bound in said.items())
