"""The terminals' part of the API, made from the parts of the engine."""

from starlette.routing import BaseRoute

from engine.api import AnyOperation
from engine.api.terminals.access import Admissions, TerminalAccess
from engine.api.terminals.frame_route import FrameRoutes
from engine.api.terminals.operations import TerminalOperations
from engine.enrolments import Enrolments
from engine.parts import Parts


def terminal_operations(parts: Parts) -> tuple[AnyOperation, ...]:
    """Return the operations of `/v1/terminals`."""
    return TerminalOperations(
        parts.terminals,
        Enrolments(parts.pool, clock=parts.clock),
        access=_access(parts),
        campus=parts.campus,
    ).operations()


def frame_routes(parts: Parts) -> list[BaseRoute]:
    """Return the routes that take frames."""
    admissions = Admissions(
        parts.terminal_tokens, parts.known_terminals, campus=parts.campus, clock=parts.clock
    )
    routes = FrameRoutes(parts.terminals, admissions, access=_access(parts), clock=parts.clock)
    return routes.routes()


def _access(parts: Parts) -> TerminalAccess:
    return TerminalAccess(parts.terminal_tokens, parts.known_terminals, clock=parts.clock)
