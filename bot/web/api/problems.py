"""Refusals as `application/problem+json` (RFC 9457)."""

from http import HTTPStatus

import msgspec
from starlette.responses import Response

from bot.web.api.shapes import Problem
from bot.web.refusals import Refusal

MEDIA_TYPE = "application/problem+json"


def problem(refusal: Refusal) -> Response:
    """Say why a request was refused, and which field is wrong."""
    shape = Problem(
        type="about:blank",
        title=HTTPStatus(refusal.status).phrase,
        status=refusal.status,
        detail=refusal.text,
        field=refusal.field,
    )
    response = Response(msgspec.json.encode(shape), refusal.status, media_type=MEDIA_TYPE)
    if refusal.retry_after is not None:
        response.headers["retry-after"] = str(refusal.retry_after)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers["www-authenticate"] = 'Bearer realm="gmbot"'
    if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        response.headers["connection"] = "close"
    return response
