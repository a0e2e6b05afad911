"""Probes and figures."""

from structlog.testing import capture_logs

from tests.builders import JWS
from tests.web.stage import eventually, staged


async def test_live_answers_whatever_the_store_does() -> None:
    async with staged() as stage:
        stage.store.is_lost = True

        answer = await stage.ask("GET", "/health/live")

        assert (answer.status, answer.body) == (200, {"status": "live"})


async def test_ready_with_a_migrated_store_answers_200() -> None:
    async with staged() as stage:
        answer = await stage.ask("GET", "/health/ready")

        assert (answer.status, answer.body) == (200, {"status": "ready"})


async def test_ready_before_the_migration_answers_503_and_logs_why() -> None:
    with capture_logs() as told:
        async with staged() as stage:
            stage.store.is_migrated = False

            answer = await stage.ask("GET", "/health/ready")

            assert (answer.status, answer.body["code"]) == (503, "store_unavailable")
            assert not stage.ingress.threads.is_down

    assert [event["error"] for event in told if event["event"] == "request.failed"] == [
        "StoreUnavailable < SchemaOutdated"
    ]


async def test_ready_with_master_keys_that_do_not_open_what_is_sealed_answers_503_and_logs_why() -> None:
    with capture_logs() as told:
        async with staged() as stage:
            stage.store.has_foreign_seals = True

            answer = await stage.ask("GET", "/health/ready")

            assert (answer.status, answer.body["code"]) == (503, "store_unavailable")
            assert not stage.ingress.threads.is_down

    assert [event["error"] for event in told if event["event"] == "request.failed"] == [
        "StoreUnavailable < MasterKeyMissing"
    ]


async def test_ready_while_the_store_is_lost_answers_503_and_recovers() -> None:
    async with staged() as stage:
        stage.store.is_lost = True
        assert (await stage.ask("GET", "/health/ready")).status == 503

        stage.store.is_lost = False
        await eventually(lambda: not stage.ingress.threads.is_down)

        assert (await stage.ask("GET", "/health/ready")).status == 200


async def test_metrics_show_requests_batches_and_what_is_held() -> None:
    async with staged() as stage:
        await stage.post({"token": JWS})

        answer = await stage.ask("GET", "/metrics")

        lines = answer.body.splitlines()
        route = "/v1/campaigns/{campaign_id}/sessions"
        assert f'vestibule_requests_total{{method="POST",route="{route}",status="202"}} 1.0' in lines
        assert 'vestibule_batch_rows_sum{batch="commit"} 1.0' in lines
        assert 'vestibule_held{what="commit_queue"} 0.0' in lines
        assert 'vestibule_held{what="long_polls"} 0.0' in lines
