"""The OpenAPI 3.1 document of a list of operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, assert_never

import msgspec

from engine.api import errors
from engine.api.access import Bearer, Cookie, Scheme
from engine.api.declarations import names_in
from engine.api.idempotency import HEADER
from engine.api.operations import AnyOperation
from engine.api.problems import MEDIA_TYPE, ProblemDetails
from engine.api.statuses import codes_of
from engine.api.wire import Nothing
from ledger.errors import CampusError

Schema = Mapping[str, object]
"""A schema of JSON Schema, 2020-12."""

_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (
    errors.InvalidRequest,
    errors.RateLimited,
    errors.ServerBusy,
    errors.TimedOut,
    errors.OutOfReach,
    errors.InternalError,
)
_WITH_BODY: Final = (errors.BodyTooLarge, errors.UnsupportedMediaType)
_MOVING_MONEY: Final = (errors.IdempotencyKeyMissing, errors.IdempotencyKeyMismatch)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the document says about itself."""

    title: str
    version: str
    description: str


class _Object(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Base of the objects of the specification (spec.openapis.org/oas/v3.1.0), of what we use."""


class Info(_Object, frozen=True, kw_only=True):
    """Info Object."""

    title: str
    version: str
    description: str


class Parameter(_Object, frozen=True, kw_only=True):
    """Parameter Object."""

    name: str
    place: str = msgspec.field(name="in")
    required: bool = False
    description: str = ""
    schema: Schema


class Content(_Object, frozen=True, kw_only=True):
    """Media Type Object."""

    schema: Schema


class RequestBody(_Object, frozen=True, kw_only=True):
    """Request Body Object."""

    required: bool = False
    content: dict[str, Content]


class Response(_Object, frozen=True, kw_only=True):
    """Response Object."""

    description: str
    content: dict[str, Content] = {}


class Described(_Object, frozen=True, kw_only=True):
    """Operation Object."""

    operation_id: str
    tags: list[str]
    summary: str
    description: str = ""
    parameters: list[Parameter] = []
    request_body: RequestBody | None = None
    responses: dict[str, Response]
    security: list[dict[str, list[str]]] = []


class SecurityScheme(_Object, frozen=True, kw_only=True):
    """Security Scheme Object."""

    type: str
    description: str
    scheme: str = ""
    name: str = ""
    place: str = msgspec.field(name="in", default="")


class Components(_Object, frozen=True, kw_only=True):
    """Components Object."""

    schemas: dict[str, Schema]
    security_schemes: dict[str, SecurityScheme] = {}


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAPI Object. The methods of a path are in lower case."""

    openapi: str = "3.1.0"
    info: Info
    paths: dict[str, dict[str, Described]]
    components: Components


def describe(operations: Sequence[AnyOperation], about: About) -> Document:
    """Return the document of operations that `declarations.check` has found sound."""
    schemas = _Schemas(operations)
    paths: dict[str, dict[str, Described]] = {}
    schemes: dict[str, SecurityScheme] = {}
    for operation in operations:
        described = _describe(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
        schemes |= {scheme.name: _scheme(scheme) for scheme in operation.access.schemes}
    return Document(
        info=Info(title=about.title, version=about.version, description=about.description),
        paths=paths,
        components=Components(schemas=schemas.shown, security_schemes=schemes),
    )


def errors_of(operation: AnyOperation) -> list[type[CampusError]]:
    """Return every class of error that an operation may answer."""
    kinds: list[type[CampusError]] = [*_ALWAYS, *operation.access.errors, *operation.errors]
    if operation.body is not Nothing:
        kinds += _WITH_BODY
    if operation.moves_money:
        kinds += _MOVING_MONEY
    return kinds


def codes_by_status(operation: AnyOperation) -> dict[HTTPStatus, list[str]]:
    """Return the codes of all errors that an operation may answer, by status."""
    statuses: dict[str, HTTPStatus] = {}
    for kind in errors_of(operation):
        statuses |= codes_of(kind)
    found: dict[HTTPStatus, list[str]] = {}
    for code, status in sorted(statuses.items(), key=lambda item: item[1]):
        found.setdefault(status, []).append(code)
    return found


class _Schemas:
    """The schemas of all structs that operations use."""

    def __init__(self, operations: Sequence[AnyOperation]) -> None:
        forms = {one.parameters: None for one in operations}
        bodies = {kind: None for one in operations for kind in (one.body, one.response)}
        bodies.pop(Nothing, None)
        kinds = [ProblemDetails, *bodies, *forms]
        references, components = msgspec.json.schema_components(kinds, ref_template=_REF)
        self._references = dict(zip(kinds, references, strict=True))
        self._components = components
        inlined = {self._name(form) for form in forms} - {self._name(body) for body in bodies}
        self.shown = {name: each for name, each in components.items() if name not in inlined}

    def reference(self, kind: type[msgspec.Struct]) -> Schema:
        """Return a reference to the schema of a struct."""
        return self._references[kind]

    def fields(self, form: type[msgspec.Struct]) -> dict[str, Schema]:
        """Return the schema of each field of a form."""
        found: dict[str, Schema] = self._components[self._name(form)]["properties"]
        return found

    def _name(self, kind: type[msgspec.Struct]) -> str:
        return str(self._references[kind]["$ref"]).rpartition("/")[2]


def _describe(operation: AnyOperation, schemas: _Schemas) -> Described:
    responses = {str(operation.status.value): _success(operation, schemas)}
    for status, codes in codes_by_status(operation).items():
        responses[str(status.value)] = _failure(status, codes, schemas)
    return Described(
        operation_id=operation.name,
        tags=[operation.path.split("/")[2]],
        summary=operation.summary,
        parameters=_parameters(operation, schemas),
        request_body=_request_body(operation, schemas),
        responses=responses,
        security=[{scheme.name: []} for scheme in operation.access.schemes],
    )


def _parameters(operation: AnyOperation, schemas: _Schemas) -> list[Parameter]:
    in_path = names_in(operation.path)
    found = [
        Parameter(
            name=field.encode_name,
            place="path" if field.name in in_path else "query",
            required=field.required,
            schema=schemas.fields(operation.parameters)[field.encode_name],
        )
        for field in msgspec.structs.fields(operation.parameters)
    ]
    if operation.moves_money:
        found.append(
            Parameter(
                name=HEADER,
                place="header",
                description="The id of the intent, a UUIDv7, unless the body has it as `id`.",
                schema={"type": "string", "format": "uuid"},
            )
        )
    return found


def _request_body(operation: AnyOperation, schemas: _Schemas) -> RequestBody | None:
    if operation.body is Nothing:
        return None
    content = Content(schema=schemas.reference(operation.body))
    return RequestBody(required=True, content={"application/json": content})


def _success(operation: AnyOperation, schemas: _Schemas) -> Response:
    if operation.response is Nothing:
        return Response(description=operation.status.phrase)
    content = Content(schema=schemas.reference(operation.response))
    return Response(description=operation.status.phrase, content={"application/json": content})


def _failure(status: HTTPStatus, codes: Sequence[str], schemas: _Schemas) -> Response:
    narrowed = {"properties": {"code": {"enum": list(codes)}}}
    content = Content(schema={"allOf": [schemas.reference(ProblemDetails), narrowed]})
    listed = ", ".join(f"`{code}`" for code in codes)
    return Response(description=f"{status.phrase}: {listed}", content={MEDIA_TYPE: content})


def _scheme(scheme: Scheme) -> SecurityScheme:
    match scheme:
        case Bearer():
            return SecurityScheme(type="http", description=scheme.description, scheme="bearer")
        case Cookie():
            return SecurityScheme(
                type="apiKey", description=scheme.description, name=scheme.cookie, place="cookie"
            )
        case _:
            assert_never(scheme)
