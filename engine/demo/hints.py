"""What the demo says first: what to open, who may sign in, and what to try."""

from rich.console import Console

from engine.demo.ground import Ground
from engine.demo.record import DemoRecord


def greet(console: Console, ground: Ground, remembered: DemoRecord) -> None:
    """Print it."""
