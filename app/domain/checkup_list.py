"""The go-live checklist: what a partner's and its campaigns' documents say, judged by itself; nobody is asked."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from app.domain.campaign import Campaign, Mode
from app.domain.checkup import Check, CheckStatus, doubtful, failed, well
from app.domain.keyset import Keyset, KeysetState, keyset_state
from app.domain.partner import KeyMaterial, Partner, SignatureMethod
from app.domain.session import rfc3339
from app.reasons import ParticipationReason

LEEWAY_NOTICED_SECONDS: Final = 120
SOON: Final = timedelta(days=14)
"""Before a partner's last key ends."""
_SERVED_DOUBTFULLY: Final = frozenset({KeysetState.BACKOFF, KeysetState.STALE, KeysetState.PINNED})
_NOT_SERVED: Final = frozenset({KeysetState.EXPIRED, KeysetState.DISABLED})


def check_partner(partner: Partner, now: datetime) -> Iterator[Check]:
    """Yield what the partner's own document says of how tokens are judged."""
    if partner.require_exp:
        yield well("require_exp", "tokens end")
    else:
        yield doubtful("require_exp", "a token may be good for ever", "let tokens carry exp, and require it")
    leeway = partner.leeway.total_seconds()
    if leeway > LEEWAY_NOTICED_SECONDS:
        yield doubtful("leeway", f"{leeway:g} s", "tokens live that much longer: set clocks by NTP and lower it")
    else:
        yield well("leeway", f"{leeway:g} s")
    if partner.issuer is None:
        yield doubtful("issuer", "any issuer is taken", "set issuer, and let tokens carry iss")
    else:
        yield well("issuer", "tokens must name it")
    yield _check_lasting("signature", partner.signature.keys, now) or _check_signature(partner)
    opening = () if partner.encryption is None else partner.encryption.keys
    yield _check_lasting("encryption", opening, now) or _check_encryption(partner)


def check_cached_keys(keyset: Keyset | None, now: datetime) -> Check:
    """Return what is known of the key set by now: what tokens are verified by at this moment."""
    state = KeysetState.EMPTY if keyset is None else keyset_state(keyset, now)
    error = f", last error {keyset.last_error}" if keyset is not None and keyset.last_error else ""
    detail = f"our copy is {state}{error}"
    if state in _NOT_SERVED:
        return failed("keyset", detail, "see jwks_reachable; `keys refresh` asks anew")
    if state is KeysetState.EMPTY:
        return doubtful("keyset", detail, "it is fetched with the first token; `keys refresh` asks now")
    if state in _SERVED_DOUBTFULLY:
        return doubtful("keyset", detail, "docs/interfaces.md tells what the states mean")
    return well("keyset", detail)


def check_campaigns(campaigns: Sequence[Campaign], partner: Partner) -> Iterator[Check]:
    """Yield what each campaign of the partner says, or that there is none."""
    if not campaigns:
        yield doubtful("campaigns", "the partner has none", "put one that names this partner_id")
    for campaign in campaigns:
        yield from _check_campaign(campaign, partner)


def _check_lasting(name: str, keys: Sequence[KeyMaterial], now: datetime) -> Check | None:
    """Return what is wrong where all configured keys have ended or end soon; None where one lasts, or there is none."""
    ends = [key.not_after for key in keys if key.not_after is not None]
    if not keys or len(ends) < len(keys):
        return None
    last = max(ends)
    if last <= now:
        return failed(name, f"the last key ended at {rfc3339(last)}", "put a key whose not_after lies ahead")
    if last - now < SOON:
        return doubtful(name, f"the last key ends at {rfc3339(last)}", "put the next one beside it")
    return None


def _check_signature(partner: Partner) -> Check:
    method, algorithms = partner.signature.method, ", ".join(sorted(partner.signature.algorithms))
    if method is SignatureMethod.SYMMETRIC:
        hint = "whoever verifies could sign; prefer public keys (jwks or public_key)"
        return doubtful("signature", f"shared secret, {algorithms}", hint)
    if method is SignatureMethod.PUBLIC_KEY:
        return well("signature", f"{len(partner.signature.keys)} configured keys, {algorithms}")
    return well("signature", f"published keys, {algorithms}")


def _check_encryption(partner: Partner) -> Check:
    encryption = partner.encryption
    if encryption is None:
        if partner.prefill is None:
            hint = "form data in a plain token stands in the participant's address bar; encrypt, or use a prefill API"
            return doubtful("encryption", "none, and no prefill API", hint)
        return well("encryption", "none; the data comes from the prefill API")
    if not encryption.required:
        return doubtful("encryption", f"{encryption.method}, not required", "a plain token is taken too: require it")
    return well("encryption", f"{encryption.method}, required")


def _check_campaign(campaign: Campaign, partner: Partner) -> Iterator[Check]:
    yield _check_deadline(campaign, partner)
    yield _check_mode(campaign)
    if campaign.single_use:
        hint = "each token needs a jti of its own: without one it is refused (claim_missing)"
        yield Check(_of(campaign, "single_use"), CheckStatus.OK, "tokens count once, by jti", hint)
    if campaign.allowed_origins:
        yield well(_of(campaign, "allowed_origins"), ", ".join(campaign.allowed_origins))
    else:
        hint = "name the origins of the pages that embed it; without any only our own page works"
        yield doubtful(_of(campaign, "allowed_origins"), "none", hint)
    yield from _check_screens(campaign)


def _check_deadline(campaign: Campaign, partner: Partner) -> Check:
    name, deadline = _of(campaign, "deadline"), campaign.prefill_deadline
    if partner.prefill is None:
        return well(name, f"{deadline.total_seconds():g} s; there is no prefill API to wait for")
    timeout = partner.prefill.timeout
    detail = f"{deadline.total_seconds():g} s for calls of at most {timeout.total_seconds():g} s"
    if deadline < timeout:
        return failed(name, detail, "participants stop waiting before a slow call ends: raise it, or lower the other")
    if deadline < 2 * timeout:
        return doubtful(name, detail, "a call that times out leaves no time for a second one")
    return well(name, detail)


def _check_mode(campaign: Campaign) -> Check:
    name = _of(campaign, "mode")
    if campaign.mode is Mode.REPORT_ONLY:
        return doubtful(name, campaign.mode, "all is judged, nothing enforced: required or optional to go live")
    return well(name, campaign.mode)


def _check_screens(campaign: Campaign) -> Iterator[Check]:
    lacking = [
        f"{language}.{reason}"
        for language in campaign.languages
        for reason in ParticipationReason
        if reason not in campaign.screens.get(language, {})
    ]
    name = _of(campaign, "screens")
    if lacking:
        hint = "participants are shown those of another language, else our neutral words"
        yield doubtful(name, f"missing: {', '.join(lacking)}", hint)
    else:
        yield well(name, f"complete in {', '.join(campaign.languages)}")
    urls = {screen.return_url for screens in campaign.screens.values() for screen in screens.values()} - {None}
    insecure = sorted(url for url in urls if url is not None and urlsplit(url).scheme != "https")
    if insecure:
        yield doubtful(_of(campaign, "return_urls"), f"not https: {', '.join(insecure)}", "lead participants to https")
    elif urls:
        yield well(_of(campaign, "return_urls"), "all https")


def _of(campaign: Campaign, name: str) -> str:
    return f"campaign {campaign.id}: {name}"
