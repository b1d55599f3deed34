"""Values as operators type them."""

from pathlib import Path
from typing import Annotated

import typer

from engine.subsidy_files import read_yuan
from ledger.money import Fen


def _typed_amount(text: str) -> Fen:
    amount = read_yuan(text)
    if amount is None:
        raise typer.BadParameter("an amount in yuan looks like 12.50, and has at most 7 digits")
    return amount


Amount = Annotated[Fen, typer.Argument(parser=_typed_amount, metavar="YUAN", help="Such as 12.50.")]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="A student or staff number.")]
ExistingFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)
]
