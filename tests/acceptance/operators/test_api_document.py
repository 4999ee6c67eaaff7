"""Requests made up from the API's own document: each is answered as the document says."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from bot.domain.api import Scope
from tests.kits.api import token_for
from tests.kits.platform import Lounge, Platform

pytestmark = [pytest.mark.servers, pytest.mark.slow]

# With each operation eight that fit the document and eight that break it, the same ones each time.
_EACH = 8


@pytest.mark.timeout(300)
async def test_every_operation_keeps_to_the_document(platform: Platform, instance: str, lounge: Lounge) -> None:
    """No answer but those that are named, in the shape that is named, and never a fault of the server."""
    await lounge.protect(lounge.news)
    token = await token_for(platform, Scope.ADMIN)
    tried = await asyncio.to_thread(_try_all, f"{instance}/api/v1", token)

    assert len(tried) > 20
    assert (await platform.fetch("SELECT count(*) FROM bots"))[0][0] == 1


def _try_all(url: str, token: str) -> list[str]:
    config = schemathesis.Config.from_dict({"headers": {"Authorization": f"Bearer {token}"}})
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    tried = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        _try(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), url, token)
        # What takes nothing cannot be given anything wrong.
        with suppress(Unsatisfiable):
            _try(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), url, token)
        tried.append(operation.label)
    return tried


def _try(cases: "SearchStrategy[schemathesis.Case[Any]]", url: str, token: str) -> None:
    @given(case=cases)
    @settings(
        max_examples=_EACH,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def tried(case: "schemathesis.Case[Any]") -> None:
        case.call_and_validate(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            excluded_checks=[
                # A path segment that fits may name nothing, and a filter that fits may name no bot.
                schemathesis.checks.positive_data_acceptance,
            ],
        )

    tried()
