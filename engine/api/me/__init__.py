"""The operations of `/v1/me`: what people do about their own money, card and data."""

from engine.api.me.door import me_operations

__all__ = ["me_operations"]
