"""The API as a page for people, rendered from its OpenAPI document. The page fetches nothing."""

import re
from base64 import b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.resources import files
from inspect import getdoc
from typing import Final

from engine.api.openapi import Described, Document, Response, Schema
from engine.api.statuses import codes_of
from ledger.errors import CampusError

_CODE = re.compile(r"`(\w+)`")
_BOUNDS: Final = {
    "minimum": "at least",
    "maximum": "at most",
    "minLength": "characters at least",
    "maxLength": "characters at most",
    "minItems": "items at least",
    "maxItems": "items at most",
    "pattern": "like",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingPage:
    """The page, and the policy that lets it show its own style and nothing else."""

    html: str
    content_security_policy: str


def render(document: Document, errors: Iterable[type[CampusError]]) -> ReadingPage:
    """Return the page: the operations, the given errors, the forms of all bodies."""
    style = files("engine.api").joinpath("reading_page.css").read_text(encoding="utf-8")
    style_hash = b64encode(sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return ReadingPage(html=_html(document, errors, style), content_security_policy=policy)


def _html(document: Document, errors: Iterable[type[CampusError]], style: str) -> str:
    title = escape(document.info.title)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{style}</style></head><body>",
        f"<header><h1>{title} <small>{escape(document.info.version)}</small></h1>",
        f"<p>{escape(document.info.description)}</p>",
        '<p>For programs: <a href="/v1/openapi.json">openapi.json</a></p></header>',
        f"<nav>{_contents(document)}</nav><main>",
        *_operations(document),
        '<h2 id="errors">Errors</h2>',
        _table(("code", "status", "meaning"), _errors(errors)),
        '<h2 id="forms">Forms</h2>',
        *(_form(name, schema) for name, schema in sorted(document.components.schemas.items())),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _contents(document: Document) -> str:
    links = "".join(
        f'<li><a href="#op-{operation.operation_id}">{escape(operation.summary)}</a></li>'
        for _, _, operation in _all(document)
    )
    more = '<li><a href="#errors">Errors</a></li><li><a href="#forms">Forms</a></li>'
    return f"<ul>{links}{more}</ul>"


def _all(document: Document) -> list[tuple[str, str, Described]]:
    """Return method, path and description of all operations, those of one tag together."""
    found = [
        (method.upper(), path, operation)
        for path, methods in document.paths.items()
        for method, operation in methods.items()
    ]
    return sorted(found, key=lambda each: each[2].tags)


def _operations(document: Document) -> Iterator[str]:
    tags: list[str] = []
    for method, path, operation in _all(document):
        if operation.tags != tags:
            tags = operation.tags
            yield f"<h2>{escape(', '.join(tags))}</h2>"
        yield f'<section id="op-{operation.operation_id}"><h3>{escape(operation.summary)}</h3>'
        yield f"<p><code><b>{method}</b> {escape(path)}</code></p>"
        yield from _details(operation)
        yield "</section>"


def _details(operation: Described) -> Iterator[str]:
    if operation.security:
        names = ", ".join(escape(name) for each in operation.security for name in each)
        yield f"<p>Open to callers with {names}.</p>"
    if operation.parameters:
        rows = [
            (f"<code>{each.name}</code>", each.place, _need(each.required), _type(each.schema))
            for each in operation.parameters
        ]
        yield _table(("parameter", "in", "", "type"), rows)
    if operation.request_body is not None:
        for content in operation.request_body.content.values():
            yield f"<p>Body: {_type(content.schema)}</p>"
    yield _table(
        ("status", "answer"),
        [(status, _answer(each)) for status, each in operation.responses.items()],
    )


def _answer(response: Response) -> str:
    content = response.content.get("application/json")
    if content is not None:
        return f"{escape(response.description)}: {_type(content.schema)}"
    return _CODE.sub(r'<a href="#\1"><code>\1</code></a>', escape(response.description))


def _errors(kinds: Iterable[type[CampusError]]) -> list[tuple[str, ...]]:
    rows = {
        code: (f'<code id="{code}">{code}</code>', str(status.value), _meaning(kind))
        for kind in kinds
        for code, status in codes_of(kind).items()
    }
    return [rows[code] for code in sorted(rows)]


def _meaning(kind: type[CampusError]) -> str:
    return escape((getdoc(kind) or "").partition("\n\n")[0])


def _form(name: str, schema: Schema) -> str:
    """Return one schema with its fields, or with its values when it is an enumeration."""
    required = schema.get("required", ())
    fields = schema.get("properties", {})
    heading = f'<h3 id="form-{name}"><code>{name}</code></h3><p>{_text(schema, "description")}</p>'
    if not isinstance(fields, Mapping) or not isinstance(required, Collection):
        return heading
    rows = [
        (f"<code>{field}</code>", _need(field in required), _type(each))
        for field, each in fields.items()
    ]
    return heading + (_table(("field", "", "type"), rows) if rows else f"<p>{_type(schema)}</p>")


def _type(schema: object) -> str:
    """Return a schema in a few words."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            return f'<a href="#form-{name}"><code>{name}</code></a>'
        case {"anyOf": [*alternatives]}:
            return " or ".join(_type(each) for each in alternatives)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"enum": [*values]}:
            return "one of " + ", ".join(f"<code>{escape(str(value))}</code>" for value in values)
        case Mapping():
            words = [_text(schema, "format") or _text(schema, "type")]
            words += [
                f"{word} {_text(schema, key)}" for key, word in _BOUNDS.items() if key in schema
            ]
            return f"{', '.join(words)}. {_text(schema, 'description')}".removesuffix(". ")
        case _:
            return ""


def _text(schema: Schema, key: str) -> str:
    return escape(str(schema.get(key, "")))


def _need(is_required: bool) -> str:  # noqa: FBT001  a cell for a fact
    return "required" if is_required else ""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of cells that are HTML already."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    lines = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f"<div><table><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )
