"""`gmbot demo` where a real deployment is set up, too."""

import typer
from typer.testing import CliRunner

from bot.cli.demo import demo


def test_a_deployments_own_servers_are_refused() -> None:
    """What is played never meets a real deployment's data: with its servers named, nothing starts."""
    app = typer.Typer()
    app.command()(demo)
    environment = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "ENCRYPTION_KEY": "a key that only the tests know",
        "GMBOT_HOME": "/nowhere",
    }

    result = CliRunner().invoke(app, ["--port", "0", "--no-open"], env=environment)

    assert result.exit_code == 1
    assert "unset DATABASE_URL and REDIS_URL" in result.output
