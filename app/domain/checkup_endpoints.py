"""Checks of what a partner's endpoints answered: the key set and the participant API. No value of a person is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.checkup import Check, doubtful, failed, well
from app.domain.key_guide import told_refusal
from app.domain.keyset import DroppedKey
from app.domain.partner import AuthorizationSource, Partner
from app.domain.prefill import Prefill
from app.errors import OutsideError
from app.reasons import PrefillReason

CLOCK_NOTICED: Final = timedelta(seconds=5)
CERTIFICATE_NOTICED: Final = timedelta(days=21)
CERTIFICATE_URGENT: Final = timedelta(days=3)
SHORTEST_TTL: Final = timedelta(minutes=5)
LONGEST_TTL: Final = timedelta(hours=24)
_OWN_CREDENTIAL: Final = frozenset({AuthorizationSource.CLAIM, AuthorizationSource.TOKEN})


@dataclass(frozen=True, slots=True)
class Reached:
    """What an answer says beside its body; `answered_at` is its Date, times that are not known are None."""

    status: int
    took: timedelta
    answered_at: datetime | None = None
    certificate_ends_at: datetime | None = None
    max_age: timedelta | None = None
    no_store: bool = False
    has_validator: bool = False


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A usable key: its kid, and those of the partner's algorithms that it can verify."""

    kid: str | None
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """What a key set holds, usable and not."""

    usable: tuple[PublishedKey, ...]
    dropped: tuple[DroppedKey, ...] = ()


def check_keys_answer(reached: Reached, keys: PublishedKeys, partner: Partner, now: datetime) -> Iterator[Check]:
    """Yield the checks of a key set that was fetched just now."""
    yield well("jwks_reachable", f"answered {reached.status} in {_ms(reached.took)} ms")
    yield from _check_transport("jwks", reached, partner, now)
    yield _check_caching(reached)
    yield from _check_keys(keys, partner)


def check_keys_failure(error: OutsideError) -> Check:
    """Return the check of a key set that could not be fetched."""
    return failed("jwks_reachable", _failure(error), "mend the endpoint: tokens wait and are then refused without it")


def check_api_answer(reached: Reached, prefill: Prefill, partner: Partner, now: datetime) -> Iterator[Check]:
    """Yield the checks of an answer of the participant API for a sample; of it only names of variables are told."""
    config = partner.prefill
    timeout = config.timeout if config else timedelta(0)
    said = f"answered {reached.status} in {_ms(reached.took)} ms"
    if reached.took > timeout / 2:
        yield doubtful("prefill_reachable", said, f"that is more than half of timeout_seconds ({_s(timeout)})")
    else:
        yield well("prefill_reachable", said)
    yield from _check_transport("prefill", reached, partner, now)
    names = [*(f"form.{name}" for name in prefill.form), *(f"optin.{name}" for name in prefill.optin)]
    wanted = [
        *(f"form.{name}" for name in (config and config.form_mapping) or {}),
        *(f"optin.{name}" for name in (config and config.optin_mapping) or {}),
    ]
    missing = [name for name in wanted if name not in names]
    came = f"came back: {', '.join(names) or 'nothing'}"
    if missing or not names:
        lacking = f"{came}; missing: {', '.join(missing)}" if missing else came
        yield doubtful("prefill_mapping", lacking, "compare the mapping with the API's answer for this participant")
    else:
        yield well("prefill_mapping", came)
    if prefill.warnings:
        yield doubtful("prefill_values", ", ".join(prefill.warnings), "see docs/reasons.md on what a value may be")


def check_api_failure(error: OutsideError, partner: Partner) -> Check:
    """Return the check of a participant API that did not answer a sample."""
    source = partner.prefill.authorization.source if partner.prefill else AuthorizationSource.NONE
    if source in _OWN_CREDENTIAL and error.error_class is PrefillReason.AUTH:
        return well("prefill_reachable", f"asks for the credential that tokens bring (status {error.status})")
    hint = "see docs/reasons.md on this class; nothing was retried"
    return failed("prefill_reachable", _failure(error), hint)


def _check_transport(endpoint: str, reached: Reached, partner: Partner, now: datetime) -> Iterator[Check]:
    if reached.certificate_ends_at is not None:
        left = reached.certificate_ends_at - now
        detail = f"the certificate ends in {left.days} days"
        if left < CERTIFICATE_URGENT:
            yield failed(f"{endpoint}_certificate", detail, "renew it: no call is made to an endpoint without one")
        elif left < CERTIFICATE_NOTICED:
            yield doubtful(f"{endpoint}_certificate", detail, "renew it")
        else:
            yield well(f"{endpoint}_certificate", detail)
    if reached.answered_at is not None:
        yield _check_clock(endpoint, reached.answered_at - now, partner.leeway)


def _check_clock(endpoint: str, difference: timedelta, leeway: timedelta) -> Check:
    name, seconds = f"{endpoint}_clock", round(difference.total_seconds())
    detail = f"differs from ours by {seconds} s (leeway {_s(leeway)})"
    if abs(difference) > max(leeway, CLOCK_NOTICED):
        return failed(name, detail, "set the clock: tokens will look expired, or not yet valid")
    if abs(difference) > CLOCK_NOTICED:
        return doubtful(name, detail, "set the clock by NTP")
    return well(name, detail)


def _check_caching(reached: Reached) -> Check:
    name, validator = "jwks_caching", "with a validator" if reached.has_validator else "without ETag or Last-Modified"
    if reached.no_store:
        return doubtful(name, "Cache-Control: no-store", "let it be kept; we do so for 5 minutes")
    if reached.max_age is None:
        return doubtful(name, "no max-age", "send Cache-Control: max-age; we assume an hour")
    detail = f"max-age {_s(reached.max_age)}, {validator}"
    if not SHORTEST_TTL <= reached.max_age <= LONGEST_TTL:
        return doubtful(name, detail, "5 minutes to 24 hours; what is beyond counts as the nearest of them")
    return well(name, detail)


def _check_keys(keys: PublishedKeys, partner: Partner) -> Iterator[Check]:
    if keys.usable:
        told = (f"{key.kid} ({', '.join(key.algorithms) or 'no algorithm of the partner'})" for key in keys.usable)
        yield well("jwks_keys", f"{len(keys.usable)} usable: {', '.join(told)}")
        yield _check_algorithms({name for key in keys.usable for name in key.algorithms}, partner)
    else:
        yield failed("jwks_keys", "no usable key", "publish at least one; see jwks_dropped and docs/reasons.md")
    if keys.dropped:
        told = (f"{dropped.kid or '(no kid)'}: {told_refusal(dropped.reason)}" for dropped in keys.dropped)
        yield doubtful("jwks_dropped", " ".join(told), "tokens signed by these are refused")


def _check_algorithms(served: set[str], partner: Partner) -> Check:
    unserved = ", ".join(sorted(partner.signature.algorithms - served))
    if not served:
        return failed("jwks_algorithms", f"no key for {unserved}", "correct signature.algorithms, or the keys")
    if unserved:
        return doubtful("jwks_algorithms", f"no key for {unserved}", "list only what is signed with")
    return well("jwks_algorithms", "there is a key for each")


def _failure(error: OutsideError) -> str:
    status = f", status {error.status}" if error.status is not None else ""
    return f"{error.error_class}{status}{f': {error.detail}' if error.detail else ''}"


def _ms(duration: timedelta) -> int:
    return round(duration / timedelta(milliseconds=1))


def _s(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"
