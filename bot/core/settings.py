"""The environment, read once. Every setting is also read from the file that `<NAME>_FILE` names."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.core.setting_faults import describe_faults, meant, refuse_odd_urls, urls_in
from bot.domain.errors import SettingsError
from bot.domain.hosting import SIMULATED
from bot.domain.schedule import Schedule, parse_schedule

TELEGRAM_API = "https://api.telegram.org"

_PLACEHOLDERS = frozenset({"changeme", "change-me", "replace-me", "secret", "password"})


def _ids(value: object) -> object:
    return [part for part in value.replace(" ", ",").split(",") if part] if isinstance(value, str) else value


def _schedule(value: object) -> object:
    return parse_schedule(value) if isinstance(value, str) else value


class Settings(BaseSettings):
    """What an instance is told by its environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", enable_decoding=False, validate_default=False)

    bot_token: SecretStr | None = None
    telegram_api_url: str = TELEGRAM_API
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    trusted_proxies: Annotated[list[str], BeforeValidator(_ids)] = Field(default_factory=list)
    database_url: SecretStr | None = None
    db_pool_size: int = Field(10, ge=2, le=200)
    redis_url: SecretStr | None = None
    gmbot_home: Path | None = None
    encryption_key: SecretStr | None = None
    encryption_key_former: SecretStr | None = None
    operator_ids: Annotated[list[int], BeforeValidator(_ids)] = Field(default_factory=list)
    environment: str = "production"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    sentry_dsn: SecretStr | None = None
    sentry_traces_sample_rate: float = Field(0.0, ge=0, le=1)
    otel_exporter_otlp_endpoint: str | None = None
    otel_traces_sample_rate: float = Field(1.0, ge=0, le=1)
    migrate_on_start: bool = True
    bot_menu: bool = True
    cache_positive_ttl: int = Field(600, ge=1)
    cache_negative_ttl: int = Field(60, ge=1)
    cache_jitter_percent: int = Field(15, ge=0, le=90)
    cache_l1_size: int = Field(200_000, ge=100)
    rate_limit_global: int = Field(25, ge=1, le=1000)
    rate_limit_per_chat: int = Field(20, ge=1, le=1000)
    rate_limit_bulk: int = Field(5, ge=1, le=1000)
    event_retention_days: int = Field(90, ge=1, le=3650)
    case_retention_days: int = Field(30, ge=1, le=3650)
    audit_retention_days: int = Field(365, ge=30, le=3650)
    member_retention_days: int = Field(180, ge=1, le=3650)
    letter_retention_days: int = Field(30, ge=1, le=3650)
    warm_schedule: Annotated[Schedule | None, BeforeValidator(_schedule)] = None
    backup_schedule: Annotated[Schedule | None, BeforeValidator(_schedule)] = None
    backup_dir: Path | None = None
    backup_keep: int = Field(3, ge=1, le=1000)
    backup_keep_days: int = Field(14, ge=1, le=3650)
    twin_database_url: SecretStr | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the environment comes in by from_env alone
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no file is read that nobody named
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - <NAME>_FILE says more exactly which
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is passed in: the environment is an argument, so that tests need not change it."""
        return (init_settings,)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment. Raises SettingsError with one sentence per fault."""
        environment = os.environ if environ is None else environ
        _refuse_unknown(environment)
        values = {name: value for name in cls.model_fields if (value := _read(environment, name.upper())) is not None}
        if "log_level" in values:
            values["log_level"] = values["log_level"].lower()
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(describe_faults(error.errors())) from error
        refuse_odd_urls(urls_in({name.upper(): value for name, value in values.items()}))
        _refuse_contradictions(settings)
        if settings.database_url is not None or settings.gmbot_home is not None:
            return settings
        from bot.core.embedded import default_home  # noqa: PLC0415 - with servers of one's own it is never imported

        return settings.model_copy(update={"gmbot_home": default_home(environment)})

    @property
    def backup_place(self) -> Path | None:
        """Where backups are put; embedded servers have a place below their home, which is lost with it."""
        if self.backup_dir is not None or self.database_url is not None or self.gmbot_home is None:
            return self.backup_dir
        return self.gmbot_home / "backups"

    @property
    def at_telegram(self) -> bool:
        """Whether the Bot API is Telegram's own, and not a simulator or a self-hosted server."""
        return is_telegram(self.telegram_api_url)


def is_telegram(api_url: str) -> bool:
    """Whether a Bot API is Telegram's own."""
    return urlsplit(api_url).hostname == urlsplit(TELEGRAM_API).hostname


def files_named() -> list[tuple[str, str]]:
    """Return which settings are read from which files."""
    environment, names = os.environ, (f"{name.upper()}_FILE" for name in Settings.model_fields)
    return [(name, environment[name]) for name in names if environment.get(name)]


def almost_named() -> list[tuple[str, str]]:
    """Return what the environment holds that is spelt almost like a setting which it does not hold."""
    known, environment = {name.upper() for name in Settings.model_fields}, os.environ
    guesses = [(name, meant(name.removesuffix("_FILE"), known - {name})) for name in sorted(environment)]
    return [
        (name, guess)
        for name, guess in guesses
        if guess and name.removesuffix("_FILE") not in known and not {guess, f"{guess}_FILE"} & environment.keys()
    ]


def _read(environment: Mapping[str, str], name: str) -> str | None:
    value, path = environment.get(name), environment.get(f"{name}_FILE")
    if value and path:
        raise SettingsError(f"{name} and {name}_FILE are both set; keep one")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_FILE: {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{name}_FILE: {path} does not hold text") from error
    return value or None


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in sorted(environment):
        if name.startswith("GMBOT_") and name.removesuffix("_FILE") not in known:
            guess = meant(name.removesuffix("_FILE"), known)
            advice = f"did you mean {guess}?" if guess else "docs/operations/configuration.md lists them all"
            raise SettingsError(f"{name} is not a setting of GMBot; {advice}")


def _refuse_contradictions(settings: Settings) -> None:
    token = settings.bot_token.get_secret_value() if settings.bot_token else ""
    if token and not token.partition(":")[0].isdigit():
        raise SettingsError("BOT_TOKEN does not look like one; @BotFather's are like 1234567890:AA...")
    if SIMULATED in token and settings.at_telegram:
        raise SettingsError("BOT_TOKEN is a simulator's; Telegram's own API does not know it")
    for name, secret in (("WEBHOOK_SECRET", settings.webhook_secret), ("ENCRYPTION_KEY", settings.encryption_key)):
        if secret is not None and secret.get_secret_value().lower() in _PLACEHOLDERS:
            raise SettingsError(f"{name} still holds a placeholder")
    if settings.webhook_url and settings.at_telegram and not settings.webhook_url.startswith("https://"):
        raise SettingsError("WEBHOOK_URL must be https: Telegram delivers to nothing else")
    if settings.backup_schedule is not None and settings.database_url is not None and settings.backup_dir is None:
        raise SettingsError("BACKUP_DIR must be set beside BACKUP_SCHEDULE: it says where backups are put")
    if (settings.database_url is None) != (settings.redis_url is None):
        raise SettingsError("set both DATABASE_URL and REDIS_URL, or neither to run embedded servers")
    if settings.database_url is not None and settings.encryption_key is None:
        raise SettingsError("ENCRYPTION_KEY must be set beside DATABASE_URL: it seals the tokens in that database")
