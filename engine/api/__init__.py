"""The HTTP frame: operations said as values, compiled into routes, surrounded by one application.

An operation names its types, its handler, who may call it and how it may fail; everything that
all operations have in common happens here, and nothing that concerns the campus.
"""

from engine.api.access import Access, Anybody, Bearer, Cookie, Principal, Scheme, Visitor
from engine.api.arrivals import Bounds
from engine.api.cursors import Cursors, Page, PageParameters
from engine.api.errors import InvalidRequest
from engine.api.frame import Frame
from engine.api.latency import Latency
from engine.api.openapi import About
from engine.api.operations import AnyOperation, Call, Method, Operation
from engine.api.rate_limits import RateLimit
from engine.api.routes import compile_operations
from engine.api.wire import (
    AmountFen,
    Answer,
    CampusTime,
    Confidential,
    Moment,
    Nothing,
    Received,
    campus_time,
)

__all__ = [
    "About",
    "Access",
    "AmountFen",
    "Answer",
    "AnyOperation",
    "Anybody",
    "Bearer",
    "Bounds",
    "Call",
    "CampusTime",
    "Confidential",
    "Cookie",
    "Cursors",
    "Frame",
    "InvalidRequest",
    "Latency",
    "Method",
    "Moment",
    "Nothing",
    "Operation",
    "Page",
    "PageParameters",
    "Principal",
    "RateLimit",
    "Received",
    "Scheme",
    "Visitor",
    "campus_time",
    "compile_operations",
]
