"""Values as operators type them."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from ledger.errors import InvalidAmount
from ledger.money import AMOUNT_MAX_FEN, Fen

_YUAN: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?", re.ASCII)
_FEN_PER_YUAN: Final = 100


def fen_of(text: str) -> Fen:
    """Return the amount that yuan text such as `12`, `12.5` or `12.50` says, exactly.

    Raises InvalidAmount for anything else, and for what is too large for one amount.
    """
    match = _YUAN.fullmatch(text.strip())
    if match is None:
        raise InvalidAmount("an amount in yuan looks like 12.50")
    value = int(match[1]) * _FEN_PER_YUAN + int((match[2] or "").ljust(2, "0"))
    if value > AMOUNT_MAX_FEN:
        raise InvalidAmount(f"at most {Fen(AMOUNT_MAX_FEN).yuan()} yuan")
    return Fen(value)


def _typed_amount(text: str) -> Fen:
    try:
        return fen_of(text)
    except InvalidAmount as error:
        raise typer.BadParameter(str(error)) from None


Amount = Annotated[Fen, typer.Argument(parser=_typed_amount, metavar="YUAN", help="Such as 12.50.")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="A student or staff number.")]
ExistingFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)
]
