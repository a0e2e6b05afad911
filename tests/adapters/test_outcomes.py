import pytest

from app.adapters.database.outcomes import decode_outcome, decode_request, encode_outcome, encode_request
from app.domain.participation import ALLOWED, NO_TICKET, Limit, Ticket, Verdict
from app.domain.prefill import Prefill, PrefillRequest, PrefillSource, PrefillStatus
from app.domain.session import Outcome, TokenStatus
from app.domain.token import Gift
from app.reasons import ParticipationReason, PrefillReason, TokenReason
from tests.builders import NOW, outcome, request


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(outcome(), id="accepted with its prefill"),
        pytest.param(Outcome(TokenStatus.ANONYMOUS, Verdict(allowed=True)), id="anonymous"),
        pytest.param(
            Outcome(
                TokenStatus.REJECTED,
                Verdict(allowed=False, reason=ParticipationReason.TOKEN_REJECTED),
                TokenReason.KID_UNKNOWN,
            ),
            id="rejected",
        ),
        pytest.param(outcome(verdict=Verdict(False, ParticipationReason.LIMIT_REACHED, 0)), id="limit reached"),
        pytest.param(outcome(gift=Gift("Spa day", can_win=True)), id="gift"),
        pytest.param(outcome(gift=Gift()), id="empty gift"),
        pytest.param(outcome(custom={"a": [1, 2.5, None, {"ü\0\ud800": "𝄞"}]}), id="custom of any JSON"),
        pytest.param(
            outcome(prefill=Prefill(PrefillStatus.UNAVAILABLE, reason=PrefillReason.HTTP_5XX)), id="unavailable"
        ),
        pytest.param(
            outcome(prefill=Prefill(PrefillStatus.READY, PrefillSource.PARTNER, warnings=("form.a: value_unusable",))),
            id="warnings",
        ),
        pytest.param(outcome(prefill=Prefill(PrefillStatus.PENDING)), id="pending"),
        pytest.param(outcome(ticket=Ticket(Limit(2, can_play=False), "jti-digest", NOW)), id="whole ticket"),
        pytest.param(outcome(verdict=ALLOWED, ticket=NO_TICKET), id="no limit"),
    ],
)
def test_outcome_is_decoded_as_it_was_encoded(given: Outcome) -> None:
    decoded = decode_outcome(encode_outcome(given))

    assert decoded == given
    assert isinstance(decoded.token_status, TokenStatus)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(request(), id="whole"),
        pytest.param(PrefillRequest("ada"), id="subject alone"),
        pytest.param(request(bearer_expires_at=NOW.replace(microsecond=0)), id="whole second"),
    ],
)
def test_request_is_decoded_as_it_was_encoded(given: PrefillRequest) -> None:
    assert decode_request(encode_request(given)) == given


def test_outcome_of_an_earlier_version_is_still_read() -> None:
    written = (
        b'{"token":["rejected","kid_unknown"],"verdict":[false,"token_rejected",null],"gift":["Spa day",true],'
        b'"custom":{"shop":"12"},"prefill":["ready","token",null,["form: too_many_keys"]],"form":{"a":"b"},"optin":{}}'
    )

    assert decode_outcome(written) == Outcome(
        TokenStatus.REJECTED,
        Verdict(allowed=False, reason=ParticipationReason.TOKEN_REJECTED),
        TokenReason.KID_UNKNOWN,
        Gift("Spa day", can_win=True),
        {"shop": "12"},
        Prefill(PrefillStatus.READY, PrefillSource.TOKEN, None, {"a": "b"}, {}, ("form: too_many_keys",)),
    )


@pytest.mark.parametrize(
    ("verdict", "limit"),
    [
        pytest.param(b"[true,null,null]", Limit(), id="no-limit"),
        pytest.param(b"[true,null,3]", Limit(nb=3), id="limit"),
        pytest.param(b'[false,"limit_reached",0]', Limit(nb=0), id="limit-reached"),
        pytest.param(b'[false,"not_eligible",null]', Limit(can_play=False), id="not-eligible"),
    ],
)
def test_outcome_that_was_written_before_anybody_could_play_still_limits(verdict: bytes, limit: Limit) -> None:
    read = decode_outcome(b'{"token":["accepted",null],"verdict":' + verdict + b"}")

    assert read.ticket == Ticket(limit)
