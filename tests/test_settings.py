"""Settings: what contradicts itself is refused, all at once, and what follows from them."""

from datetime import timedelta

import pytest

from app.domain.retention import Retention
from app.errors import ConfigurationError
from app.settings import load_settings

KEY = "00" * 32
POSTGRES, REDIS = "postgresql://db/vestibule", "redis://redis/0"


@pytest.mark.parametrize(
    ("values", "mistaken"),
    [
        pytest.param({"DATABASE_URL": "mysql://db/vestibule", "MASTER_KEYS": KEY}, ["DATABASE_URL"], id="database"),
        pytest.param({"BROKER_URL": "kafka://broker"}, ["BROKER_URL"], id="broker"),
        *(
            pytest.param({"DATABASE_URL": url, "MASTER_KEYS": KEY}, ["DATABASE_URL"], id=f"database-{name}")
            for name, url in {
                "port": "postgresql://vestibule:canary@db:canary/vestibule",
                "at-sign": "postgresql://vestibule:p@canary:canary@db/vestibule",
                "empty-port": "postgresql://vestibule:canary@db:/vestibule",
                "bracket": "postgresql://[::1/vestibule",
                "memory": "sqlite:///:memory:",
                "nameless": "sqlite:///",
            }.items()
        ),
        *(
            pytest.param({"BROKER_URL": url}, ["BROKER_URL"], id=f"broker-{name}")
            for name, url in {
                "slash": "redis://:canary/1@redis/0",
                "bracket": "amqp://[::1",
                "number": "redis://redis/canary",
                "second": "redis://redis/0;redis://redis/canary",
            }.items()
        ),
        pytest.param({"HOST": "", "ADMIN_HOST": ""}, ["HOST", "ADMIN_HOST"], id="empty-hosts"),
        pytest.param({"DATABASE_URL": POSTGRES}, ["MASTER_KEYS"], id="no-master-key"),
        pytest.param({"ADMIN_CLIENT_ID": "admin"}, ["ADMIN_CLIENT_ID"], id="client-without-a-secret"),
        pytest.param({"ADMIN_CLIENT_SECRET": "s" * 16}, ["ADMIN_CLIENT_ID"], id="secret-without-a-client"),
        pytest.param(
            {"DATABASE_URL": "mysql://db/vestibule", "BROKER_URL": "kafka://broker", "ADMIN_CLIENT_ID": "admin"},
            ["DATABASE_URL", "BROKER_URL", "MASTER_KEYS", "ADMIN_CLIENT_ID"],
            id="all-at-once",
        ),
        pytest.param(
            {"ADMIN_CLIENT_ID": "admin", "ADMIN_CLIENT_SECRET": "canary"}, ["ADMIN_CLIENT_SECRET"], id="short-secret"
        ),
        pytest.param({"CA_FILE": "/nowhere/ca.pem"}, ["CA_FILE"], id="no-file-of-authorities"),
        pytest.param({"CA_FILE": __file__}, ["CA_FILE"], id="file-without-authorities"),
        pytest.param({"PORT": "65536", "NO_SUCH": "1"}, ["NO_SUCH", "PORT"], id="out-of-range-and-unknown"),
        pytest.param({"MASTER_KEYS": f"{KEY},canary"}, ["MASTER_KEYS"], id="master-key-that-is-none"),
        pytest.param(
            {"MASTER_KEYS": "canary", "DATABASE_URL": "garbage", "LOG_LEVEL": "loud", "PORT": "x", "NO_SUCH": "1"},
            ["NO_SUCH", "PORT", "LOG_LEVEL", "MASTER_KEYS", "DATABASE_URL"],
            id="of-every-kind-at-once",
        ),
    ],
)
def test_settings_with_mistakes_are_refused_naming_each(values: dict[str, str], mistaken: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(_named(values))

    assert [problem.partition(":")[0].partition(" ")[0] for problem in refused.value.problems] == [
        f"VESTIBULE_{name}" for name in mistaken
    ]
    assert KEY not in str(refused.value)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="embedded"),
        pytest.param({"DATABASE_URL": "postgres://db/vestibule", "MASTER_KEYS": KEY, "BROKER_URL": REDIS}, id="redis"),
        pytest.param({"DATABASE_URL": POSTGRES, "MASTER_KEYS": KEY, "BROKER_URL": "amqps://rabbit//"}, id="rabbitmq"),
        pytest.param({"ADMIN_CLIENT_ID": "admin", "ADMIN_CLIENT_SECRET": "s" * 16}, id="client-and-secret"),
        pytest.param(
            {"DATABASE_URL": "postgresql://v:p%40/:w@[::1]:5432/v?sslmode=require", "MASTER_KEYS": KEY}, id="full-url"
        ),
        pytest.param({"DATABASE_URL": "postgresql:///v?host=/run/postgresql", "MASTER_KEYS": KEY}, id="socket"),
        pytest.param(
            {"DATABASE_URL": "sqlite:////srv/v.sqlite3", "BROKER_URL": "rediss://u:p%2F@[::1]:6380"}, id="ipv6"
        ),
        pytest.param({"BROKER_URL": "redis://one:6379/0;redis://two:6379/0"}, id="two-of-redis"),
        pytest.param({"BROKER_URL": "amqp://v:p@one:5672;amqp://v:p@two:5672"}, id="two-of-rabbitmq"),
    ],
)
def test_settings_without_mistakes_are_loaded(values: dict[str, str]) -> None:
    settings = load_settings(_named(values))

    assert settings.sqlalchemy_url.startswith(("sqlite:///", "postgresql+psycopg://"))


@pytest.mark.parametrize(
    ("values", "is_needed"),
    [
        pytest.param({}, True, id="embedded"),
        pytest.param({"DATABASE_URL": POSTGRES, "MASTER_KEYS": KEY, "BROKER_URL": REDIS}, False, id="production"),
        pytest.param({"DATABASE_URL": POSTGRES, "MASTER_KEYS": KEY}, True, id="hints-in-files"),
        pytest.param({"BROKER_URL": REDIS, "MASTER_KEYS": KEY}, True, id="embedded-database"),
        pytest.param({"DATABASE_URL": "sqlite:////srv/v.sqlite3", "BROKER_URL": REDIS}, True, id="key-of-first-use"),
        pytest.param(
            {"DATABASE_URL": "sqlite:////srv/v.sqlite3", "BROKER_URL": REDIS, "MASTER_KEYS": KEY}, False, id="elsewhere"
        ),
    ],
)
def test_settings_need_a_data_folder_where_something_is_kept_in_it(values: dict[str, str], is_needed: bool) -> None:
    assert load_settings(_named(values)).needs_data_dir is is_needed


def test_settings_in_days_say_how_long_what_is_over_is_kept() -> None:
    days = {"SESSION_DAYS": "1", "DEAD_LETTER_DAYS": "0.5", "ATTEMPT_DAYS": "3", "AUDIT_DAYS": "4"}

    retention = load_settings(_named({**days, "PARTICIPATION_DAYS": "5"})).retention()

    assert retention == Retention(
        sessions=timedelta(days=1),
        dead_letters=timedelta(hours=12),
        attempts=timedelta(days=3),
        audit=timedelta(days=4),
        participations=timedelta(days=5),
    )


def test_settings_of_no_days_keep_changes_and_participations_for_ever() -> None:
    retention = load_settings(_named({"AUDIT_DAYS": "0", "PARTICIPATION_DAYS": "0"})).retention()

    assert (retention.audit, retention.participations) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        pytest.param("PORT", "canary", "must be a whole number", id="no-number"),
        pytest.param("PORT", "9" * 5000, "must be a whole number, and no such large one", id="no-such-number"),
        pytest.param("PORT", "65536", "must be at most 65535", id="too-much"),
        pytest.param("PORT", "-1", "must be at least 0", id="too-little"),
        pytest.param("PURGE_CHUNK", "10001", "must be at most 10000", id="more-than-one-statement-takes"),
        pytest.param("CLAIM_ROWS", "0", "must be at least 1", id="none"),
        pytest.param("LEASE_SECONDS", "soon", "must be a number", id="no-seconds"),
        pytest.param("LEASE_SECONDS", "0", "must be more than 0", id="no-time"),
        pytest.param("LEASE_SECONDS", "inf", "must be a finite number", id="for-ever"),
        pytest.param("LOG_LEVEL", "loud", "must be one of 'debug', 'info', 'warning' or 'error'", id="no-such-level"),
        pytest.param(
            "PRIVATE_URL_CIDRS", "canary", "must be networks such as 10.0.0.0/8, comma-separated", id="no-network"
        ),
    ],
)
def test_value_that_a_setting_may_not_have_is_told_in_plain_words(name: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(_named({name: value}))

    assert refused.value.problems == (f"VESTIBULE_{name}: {problem}",)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("example.com", id="no-scheme"),
        pytest.param("ftp://example.com", id="another-scheme"),
        pytest.param("https://", id="no-host"),
        pytest.param("https://example.com:99999", id="no-port"),
        pytest.param("https://user@example.com", id="user"),
        pytest.param("https://example.com/?a=b", id="query"),
        pytest.param("https://example .com", id="space"),
    ],
)
def test_public_url_that_is_no_site_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load_settings({"VESTIBULE_PUBLIC_URL": url})

    [problem] = refusal.value.problems
    assert problem.startswith("VESTIBULE_PUBLIC_URL: ")


@pytest.mark.parametrize("url", ["https://forms.example", "http://[::1]:8080/", "https://brand.example/forms"])
def test_public_url_that_is_a_site_is_taken(url: str) -> None:
    assert load_settings({"VESTIBULE_PUBLIC_URL": url}).base_url == url.rstrip("/")


def _named(values: dict[str, str]) -> dict[str, str]:
    return {f"VESTIBULE_{name}": value for name, value in values.items()}


@pytest.mark.parametrize("host", ["::", "::1"])
def test_address_of_ipv6_stands_in_brackets_in_the_url(host: str) -> None:
    assert load_settings(_named({"HOST": host, "PORT": "80"})).base_url == f"http://[{host}]:80"
