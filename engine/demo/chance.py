"""Chance that can be had again: the same words give the same numbers."""

from random import Random


def chance(*about: object) -> Random:
    """Return a source of numbers for one matter, such as a seed, a day and a person.

    For made-up people and what they buy; never for keys or passwords.
    """
    return Random(" ".join(map(str, about)))  # noqa: S311  see the docstring
