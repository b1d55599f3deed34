"""The operations of `/v1/staff`: what the card centre, finance, auditors and operators do.

Every handler names the permission that it needs; `docs/api.md` lists them.
"""

from engine.api.staff.door import staff_operations

__all__ = ["staff_operations"]
