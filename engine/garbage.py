"""The cyclic garbage collector, in a process that keeps much and leaves few cycles behind."""

import gc
from typing import Final

_THRESHOLD: Final = 50_000


def freeze_what_stays() -> None:
    """Let the collector pass by what is in memory now, and come less often.

    The default collects after every 700 allocations and often walks all of the accounts in memory,
    among which there is no garbage: deciding a batch took twice as long, and a walk of them all
    kept callers waiting for 100 ms. Cycles that requests leave behind are still collected.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_THRESHOLD)
