"""How often one person may ask."""

from typing import Final

from engine.api import RateLimit

LOOKING: Final = RateLimit(name="looking", burst=60, per_second=2)
CHANGING: Final = RateLimit(name="changing", burst=20, per_second=0.2)
"""What asks for a PIN or changes something; wrong PINs are paused besides."""
