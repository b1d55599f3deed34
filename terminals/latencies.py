"""How long things took, counted in classes that are about 3 % wide (log-linear, as HDR does)."""

from typing import Final

_BITS: Final = 5
_CLASSES_IN_OCTAVE: Final = 1 << _BITS
_LONGEST_US: Final = 2**32 - 1
"""Seventy minutes; what took longer counts as this."""


class Latencies:
    """A histogram of microseconds in constant memory. Below 64 us it is exact."""

    __slots__ = ("_classes", "count", "longest_us")

    def __init__(self) -> None:
        self._classes = [0] * (_class_of(_LONGEST_US) + 1)
        self.count = 0
        self.longest_us = 0

    def add(self, seconds: float) -> None:
        """Count one time. Less than nothing, from a clock of another kind, counts as nothing."""
        took_us = min(max(round(seconds * 1_000_000), 0), _LONGEST_US)
        self._classes[_class_of(took_us)] += 1
        self.count += 1
        self.longest_us = max(self.longest_us, took_us)

    def percentile_us(self, percent: float) -> int:
        """Return a time that this share of all took at most; 0 when nothing was counted.

        It is the upper end of its class, so never less than the truth and at most 3 % more.
        """
        wanted = self.count * percent / 100
        reached = 0
        for number, members in enumerate(self._classes):
            reached += members
            if members and reached >= wanted:
                return min(_end_of(number), self.longest_us)
        return 0


def _class_of(took_us: int) -> int:
    octave = max(took_us.bit_length() - _BITS - 1, 0)
    return octave * _CLASSES_IN_OCTAVE + (took_us >> octave)


def _end_of(number: int) -> int:
    octave = max(number // _CLASSES_IN_OCTAVE - 1, 0)
    place = number - octave * _CLASSES_IN_OCTAVE
    return ((place + 1) << octave) - 1
