"""The OpenAPI 3.1 document, made from the operations and their types: it cannot say anything else than they do."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot.domain.api import Scope
from bot.web.api.operations import Operation
from bot.web.api.problems import MEDIA_TYPE
from bot.web.api.shapes import Problem

_REF = "#/components/schemas/{name}"
_USUAL_FAULTS = (400, 401, 403, 413, 500, 503)
_FAULTS: Mapping[int, str] = {
    400: "Something in the request is wrong; `field` says what.",
    401: "The token is missing, unknown, expired or revoked.",
    403: "The token's scope is not enough.",
    404: "There is no such thing, or not for this token.",
    409: "The state of things, or another request, is in the way.",
    413: "The request, or the text in it, is too large.",
    422: "The Idempotency-Key was used for another request.",
    500: "Something went wrong; the log of the instance says what.",
    503: "Something that is needed does not answer now; `Retry-After` says when to ask again.",
}
_SCOPES: Mapping[Scope, str] = {
    Scope.READ: "Takes the scope `read`.",
    Scope.OPERATE: "Takes the scope `operate`.",
    Scope.ADMIN: "Takes the scope `admin`.",
}
_KEY: Mapping[str, object] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A request with the same key within a day is answered as before, and done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def openapi(operations: Sequence[Operation[Any, Any]], *, version: str) -> dict[str, object]:
    """Describe the API."""
    types = [each.body for each in operations if each.takes_body]
    types += [each.answer for each in operations if each.answer is not None]
    types += [each.query for each in operations]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    named = dict(zip(types, schemas, strict=False))
    paths: dict[str, dict[str, object]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, named, components)
    taken = {each.query.__name__ for each in operations}
    kept = {name: schema for name, schema in components.items() if name not in taken}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GMBot",
            "version": version,
            "description": "What operators do with a deployment. Every refusal is an `application/problem+json`.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": kept,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`gmbot api-tokens create` makes one."}
            },
        },
    }


def _operation(
    operation: Operation[Any, Any], named: dict[Any, dict[str, Any]], components: dict[str, Any]
) -> dict[str, object]:
    parameters: list[object] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    for name, schema in components[operation.query.__name__].get("properties", {}).items():
        text = {"description": schema["description"]} if "description" in schema else {}
        parameters.append({"name": name, "in": "query", "required": False, "schema": _queried(schema), **text})
    if operation.method == "POST":
        parameters.append(_KEY)
    described: dict[str, object] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _SCOPES[operation.scope],
        "parameters": parameters,
        "responses": _responses(operation, named),
    }
    if operation.takes_body:
        content = {"application/json": {"schema": named[operation.body]}}
        described["requestBody"] = {"required": "required" in components[operation.body.__name__], "content": content}
    return described


def _queried(schema: dict[str, Any]) -> dict[str, Any]:
    """Leave null out: nothing behind a question mark is null."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default", "description"}}
    return {**rest, **kinds[0]} if kinds else rest


def _responses(operation: Operation[Any, Any], named: dict[Any, dict[str, Any]]) -> dict[str, object]:
    answer: dict[str, object] = {"description": operation.summary}
    if operation.answer is not None:
        answer["content"] = {"application/json": {"schema": named[operation.answer]}}
    faults = {*_USUAL_FAULTS, *operation.faults}
    if "{" in operation.path or operation.query.__struct_fields__ or operation.takes_body:
        faults.add(404)
    if operation.method == "POST":
        faults |= {409, 422}
    refused = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    return {
        str(operation.status): answer,
        **{str(fault): {"description": _FAULTS[fault], "content": refused} for fault in sorted(faults)},
    }
