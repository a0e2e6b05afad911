"""Composition root of the web process: from the settings to two listening ports, by plain constructor calls."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Final

import uvloop
from aiohttp import web
from yarl import URL

from app.adapters.broker import broker_configuration
from app.adapters.database.clock import DatabaseClock
from app.adapters.database.configuration import SqlConfiguration
from app.adapters.database.delivery_figures import SqlDeliveryFigures
from app.adapters.database.engine import Database, open_database
from app.adapters.database.installation_secrets import SqlSecrets
from app.adapters.database.keyset_desk import SqlKeysetDesk
from app.adapters.database.loop_sessions import PostgresLoopSessions
from app.adapters.database.participations import SqlParticipationLedger
from app.adapters.database.revision import current_revision, is_current
from app.adapters.database.session_intake import SqlSessionIntake
from app.adapters.database.session_reads import SqlSessionReads
from app.adapters.database.settled_news import PostgresSettledNews
from app.adapters.master_keys import load_master_keys
from app.adapters.memory import collect_seldom
from app.adapters.open_files import allow_many
from app.adapters.private_file import make_data_folder
from app.adapters.processor import interrupt_nobody
from app.adapters.queue import HintPublisher
from app.adapters.safe_http import SafeHttp
from app.adapters.sealing import AesSealing, KeyRing, SessionKeys
from app.documents.campaign import to_campaign
from app.documents.partner import to_partner
from app.documents.secrets import join_secrets
from app.domain.master_keys import CURE_OF_MISSING, OPEN_NOTHING
from app.domain.outside import OutboundPolicy
from app.errors import ConfigurationError, SchemaOutdated, SealBroken, StoreUnavailable
from app.log_lines import gathered
from app.logs import configure
from app.settings import Settings
from app.steps.secrets import TryMasterKeys
from app.web.assets import load_assets
from app.web.client_address import TRUSTED_PROXIES
from app.web.delivery_gauges import DeliveryGauges
from app.web.embed import Embed, embed_policies
from app.web.fast_sessions import FastSessions
from app.web.health import HealthRoutes
from app.web.ingress import Ingress, IngressLimits, IngressStores, build_ingress
from app.web.inspector_page import InspectorPage
from app.web.keyset_gauges import KeysetGauges
from app.web.limits import SessionLimits, TokenBuckets
from app.web.management import ManagementWiring, SharedParts
from app.web.metrics import WebMetrics
from app.web.page_templates import PageTemplates
from app.web.pages import CampaignPages, page_policies, page_routes
from app.web.partner_gauges import PartnerGauges
from app.web.partner_names import PartnerNames
from app.web.reference import Reference
from app.web.routes import HSTS, POLICIES, build_application
from app.web.session_cookie import SessionCookies
from app.web.sessions import SessionRoutes
from app.web.shedding import Shedding
from app.web.sites import CROWD_DOORS, Site, Sites, run_until_signal
from app.web.store_threads import StoreThreads

MANAGEMENT_THREADS: Final = 4
"""Of management, public keys and figures: however slow these are, participants have a circuit of their own."""
SPARE_CONNECTIONS: Final = 2
"""Beyond one for each thread, so that the probe finds one while others are stuck."""
HINTS_GRACE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class WebProcess:
    """The web process, wired and not yet listening."""

    sites: Sites
    ingress: Ingress
    management_threads: StoreThreads
    hints: HintPublisher
    database: Database
    try_master_keys: TryMasterKeys

    async def check_master_keys(self) -> None:
        """Raise ConfigurationError for master keys that do not open what is sealed, as far as the database can tell."""
        with suppress(StoreUnavailable, SchemaOutdated):  # `/health/ready` looks again
            try:
                await self.ingress.threads.call(self.try_master_keys)
            except SealBroken as error:
                raise ConfigurationError((f"master keys: {OPEN_NOTHING}; {CURE_OF_MISSING}",)) from error

    async def close(self) -> None:
        """Commit what was taken in, send its hints, let go of the store; nothing listens any more."""
        await self.ingress.close()
        await self.management_threads.close()
        await asyncio.to_thread(self.hints.close, HINTS_GRACE_SECONDS)
        self.database.dispose()


def serve(settings: Settings, *, reuse_port: bool = False) -> None:
    """Serve until SIGTERM or SIGINT; raise ConfigurationError where the process cannot start."""
    configure(settings.log_level, settings.log_format)
    allow_many()
    interrupt_nobody()
    uvloop.run(_serve(settings, reuse_port=reuse_port))


def build(settings: Settings, *, reuse_port: bool = False) -> WebProcess:
    """Wire the process; connects to nothing. Raise ConfigurationError for a data folder or master keys that fail."""
    return _Wiring(settings).process(reuse_port=reuse_port)


async def _serve(settings: Settings, *, reuse_port: bool) -> None:
    process = build(settings, reuse_port=reuse_port)
    await process.check_master_keys()
    collect_seldom()
    with gathered(asyncio.get_running_loop()):
        await run_until_signal(process.sites, process.close, settings.web_grace_seconds)


class _Wiring:
    def __init__(self, settings: Settings) -> None:
        if settings.needs_data_dir:
            make_data_folder(settings.data_dir)
        self.settings = settings
        ring = KeyRing.of(load_master_keys(settings))
        self.sealing = AesSealing(ring)
        self.keys = SessionKeys(ring)
        self.limits = _ingress_limits(settings)
        self.database = open_database(
            settings.sqlalchemy_url,
            "web",
            pool_size=self.limits.threads + MANAGEMENT_THREADS + SPARE_CONNECTIONS,
            pool_timeout_seconds=settings.store_timeout_seconds,
            statement_timeout_seconds=settings.store_timeout_seconds,
            lock_timeout_seconds=settings.store_timeout_seconds,
        )
        self.clock = DatabaseClock(self.database)
        self.hints = HintPublisher(broker_configuration(settings.broker_url, settings.data_dir), settings.claim_rows)
        self.configuration = SqlConfiguration(self.database, self.sealing, join_secrets, to_partner, to_campaign)
        self.keyset_desk = SqlKeysetDesk(self.database)
        self.figures = SqlDeliveryFigures(self.database, self.configuration)
        self.try_master_keys = TryMasterKeys(SqlSecrets(self.database, self.sealing))
        self.metrics = WebMetrics()
        self.metrics.count("vestibule_hints_dropped", "Hints that no broker took.", lambda: self.hints.dropped)
        self.ingress = build_ingress(self._stores(), self.limits, self.metrics)
        self.session_limits = _session_limits(settings)
        self.management_threads = StoreThreads(MANAGEMENT_THREADS, settings.store_timeout_seconds, self._probe)

    def process(self, *, reuse_port: bool) -> WebProcess:
        settings = self.settings
        shedding = Shedding(self.ingress.participants.intake, self.metrics.observe_request, self._always())
        sites = [
            Site("admin port", self._admin_app(), settings.admin_host, settings.admin_port),
            Site(
                "public port",
                self._public_app(),
                settings.host,
                settings.port,
                reuse_port,
                shedding,
                self._lane(shedding),
                CROWD_DOORS,
            ),
        ]
        served = Sites(sites, settings.web_grace_seconds)
        return WebProcess(
            served, self.ingress, self.management_threads, self.hints, self.database, self.try_master_keys
        )

    def _lane(self, shedding: Shedding) -> FastSessions:
        settings = self.settings
        return FastSessions(
            self.ingress.participants,
            self.session_limits,
            shedding,
            self._own_origin(),
            settings.trusted_proxy_cidrs,
            self.metrics.observe_request,
            self._always(),
        )

    def _always(self) -> Sequence[tuple[str, str]]:
        return (HSTS,) if self.settings.is_behind_tls else ()

    def _own_origin(self) -> str:
        return str(URL(self.settings.base_url).origin())

    def _stores(self) -> IngressStores:
        reads, lines = SqlSessionReads(self.database, self.sealing), self.database.lines
        return IngressStores(
            intake=SqlSessionIntake(self.database, self.sealing),
            reads=reads,
            read_record=reads,
            ledger=SqlParticipationLedger(self.database),
            configuration=self.configuration,
            hints=self.hints,
            clock=self.clock,
            keys=self.keys,
            probe=self._probe,
            on_loop=None if lines is None else PostgresLoopSessions(lines, self.sealing),
            news=None if lines is None else PostgresSettledNews(lines),
        )

    def _probe(self) -> object:
        return current_revision(self.database)

    def _public_app(self) -> web.Application:
        pages = self._pages()
        assets = load_assets()
        embed = Embed(pages.participants, pages.find_partner_name, pages.templates)
        for_people = [*page_routes(pages, assets), *embed.routes(), *InspectorPage.of(assets).routes()]
        routes = Reference([*self._session_routes(), *self._management_routes(), *for_people], assets).routes
        policies = {**POLICIES, **page_policies(pages), **embed_policies(pages.error_page)}
        app = build_application(
            routes, self.metrics.observe_request, policies, is_behind_tls=self.settings.is_behind_tls
        )
        app[TRUSTED_PROXIES] = self.settings.trusted_proxy_cidrs
        app.on_shutdown.append(self._let_waiters_go)
        return app

    def _admin_app(self) -> web.Application:
        gauges = (
            DeliveryGauges(self.figures, self.clock),
            PartnerGauges(self.figures, self.clock),
            KeysetGauges(self.keyset_desk, self.clock),
        )
        health = HealthRoutes(
            self.ingress.threads,
            lambda: is_current(self.database),
            self.try_master_keys,
            self.metrics,
            partial(self.management_threads.call, lambda: b"".join(gauge.render() for gauge in gauges)),
        )
        return build_application(health.routes(), lambda *_: None, {})

    def _session_routes(self) -> Sequence[web.AbstractRouteDef]:
        return SessionRoutes(self.ingress.participants, self._own_origin(), self.session_limits).routes()

    def _management_routes(self) -> Sequence[web.AbstractRouteDef]:
        settings = self.settings
        shared = SharedParts(
            self.database,
            self.sealing,
            self.configuration,
            self.keyset_desk,
            self.figures,
            self.management_threads,
            self.hints,
            self.clock,
            self.ingress.campaigns.invalidate,
            self.ingress.participants.marks.flush,
        )
        outbound = OutboundPolicy(settings.private_url_cidrs)
        open_http = partial(SafeHttp, outbound, f"vestibule/{version('vestibule')}", ca_file=settings.ca_file)
        return ManagementWiring(shared, settings.base_url, outbound, settings.keyset_policy(), open_http).routes()

    def _pages(self) -> CampaignPages:
        return CampaignPages(
            self.ingress.participants,
            PartnerNames(self.configuration, self.ingress.threads),
            SessionCookies(self.keys),
            PageTemplates(load_assets()),
            self.session_limits,
        )

    async def _let_waiters_go(self, _: web.Application) -> None:
        self.ingress.participants.polls.close()


def _ingress_limits(settings: Settings) -> IngressLimits:
    return IngressLimits(
        commit_rows=settings.group_commit_rows,
        commit_wait_seconds=settings.group_commit_wait_ms / 1000,
        queue=settings.ingress_queue,
        store_timeout_seconds=settings.store_timeout_seconds,
    )


def _session_limits(settings: Settings) -> SessionLimits:
    return SessionLimits(
        _per_minute(settings.sessions_per_minute_per_address), _per_minute(settings.sessions_per_minute_per_campaign)
    )


def _per_minute(requests: int) -> TokenBuckets | None:
    return TokenBuckets(per_second=requests / 60, burst=requests) if requests else None
