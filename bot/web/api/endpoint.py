"""One request to the API: who asks, what for, whether it was answered before, and the answer."""

import re
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bot.domain.api import Answered, ApiToken, UnknownTokenError
from bot.domain.errors import BotError, InvalidInputError
from bot.services.operating.api_access import ApiAccess
from bot.services.ports.api import Answers
from bot.web.api.operations import Call, Operation
from bot.web.api.problems import MEDIA_TYPE, problem
from bot.web.api.reading import read_body, read_query
from bot.web.desk import Desk
from bot.web.refusals import refusal_of

_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")
_KEY_HEADER = "idempotency-key"
_SERVER_FAULT = 500
_NO_CONTENT = 204

log = structlog.stdlib.get_logger()


class Endpoint:
    """Serves one operation."""

    def __init__(self, operation: Operation[Any, Any], *, desk: Desk, access: ApiAccess, answers: Answers) -> None:
        self._operation = operation
        self._desk = desk
        self._access = access
        self._answers = answers

    async def serve(self, request: Request) -> Response:
        """Answer; a refusal is an answer, too."""
        try:
            token = await self._access.known(_bearer(request))
            token.operator.need(self._operation.scope.rank)
            body = await request.body()
            key = request.headers.get(_KEY_HEADER) if self._operation.method == "POST" else None
            if key is None:
                return _response(await self._answer(request, token, body))
            return await self._once(request, token, body, _checked(key))
        except (BotError, HTTPException) as error:
            return problem(refusal_of(error))

    async def _once(self, request: Request, token: ApiToken, body: bytes, key: str) -> Response:
        """Do it, or answer as it was answered when it was done."""
        asked = b"\n".join(
            (
                self._operation.name.encode(),
                request.url.path.encode("utf-8", "surrogatepass"),
                request.url.query.encode(),
                body,
            )
        )
        before = await self._answers.begin(token.token_id, key, asked)
        if before is not None:
            response = _response(before)
            response.headers["idempotency-replayed"] = "true"
            return response
        answered: Answered | None = None
        try:
            try:
                answered = await self._answer(request, token, body)
                return _response(answered)
            except (BotError, HTTPException) as error:
                refused = problem(refusal_of(error))
                if refused.status_code < _SERVER_FAULT:
                    answered = Answered(refused.status_code, bytes(refused.body))
                return refused
        finally:
            if answered is None:
                await self._answers.give_back(token.token_id, key)
            else:
                await self._answers.keep(token.token_id, key, answered)

    async def _answer(self, request: Request, token: ApiToken, body: bytes) -> Answered:
        operation = self._operation
        query = read_query(request.query_params, operation.query)
        fields = read_body(body, operation.body)
        call = Call(who=token.operator, path=request.path_params, bots=self._desk.bots)
        answer = await operation.handle(call, query, fields)
        if operation.method != "GET":
            log.info("api.done", operation=operation.name, token=token.name)
        return Answered(operation.status, b"" if operation.status == _NO_CONTENT else msgspec.json.encode(answer))


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise UnknownTokenError("this takes a token: Authorization: Bearer ...; `gmbot api-tokens create` makes one")
    return token.strip()


def _checked(key: str) -> str:
    if not _KEY.match(key):
        raise InvalidInputError("Idempotency-Key", "an Idempotency-Key has 1 to 255 visible ASCII characters")
    return key


def _response(answered: Answered) -> Response:
    if answered.status == _NO_CONTENT:
        return Response(status_code=_NO_CONTENT)
    refused = answered.status >= 400  # noqa: PLR2004 - from here on an answer is a refusal
    media_type = MEDIA_TYPE if refused else "application/json"
    return Response(answered.body, answered.status, media_type=media_type)
