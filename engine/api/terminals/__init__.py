"""Terminals over HTTP: enrolment, sessions, frames, and each request as an operation of its own.

What is asked here goes through the same functions as on the link (`engine.terminal_requests`).
"""

from engine.api.terminals.door import frame_routes, terminal_operations

__all__ = ["frame_routes", "terminal_operations"]
