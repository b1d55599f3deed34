"""`campus people` and `campus person`."""

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from rich.console import Group, RenderableType

from engine.admission import admit_people
from engine.audit_trail import record_reading
from engine.cards import list_cards
from engine.cli.desk import open_desk, person_of
from engine.cli.output import AsJson, table
from engine.cli.values import ExistingFile, Number
from engine.one_time_codes import Purpose, issue_code
from engine.people_import import ImportReport, read_people, rehearse_import
from engine.principals import Owner, OwnerKind
from engine.wallets import find_balance
from ledger.money import Fen
from ledger.time import wall_clock

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.connection import Connection

_WORKBOOK_LIMIT_S: Final = 120.0

people = typer.Typer(help="Students, teachers and temporary card holders.", no_args_is_help=True)
person = typer.Typer(help="One person.", no_args_is_help=True)


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or would do."""

    is_rehearsal: bool
    added: int
    changed: int
    unchanged: int


class HeldCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card of a person."""

    number: str
    state: str
    expires_on: str


class PersonShown(msgspec.Struct, frozen=True, kw_only=True):
    """A person with wallets and cards."""

    number: str
    name: str
    kind: str
    college: str | None
    state: str
    cash_fen: int
    subsidy_fen: int
    cards: list[HeldCard]


class IssuedCode(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time code, which is shown this once."""

    code: str
    purpose: str


@people.command("import")
def import_people(
    context: typer.Context,
    file: ExistingFile,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add people from CSV or Excel and bring known ones up to date; all of them, or none."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> ImportReport:
        found = await read_people(file.read_bytes(), timeout_s=_WORKBOOK_LIMIT_S)
        now = wall_clock()
        if dry_run:
            return await rehearse_import(connection, found, at=now, progress=progress)
        async with connection.transaction():
            return await admit_people(
                connection, found, actor=desk.actor, at=now, progress=progress
            )

    with desk.output.progress("people") as progress:
        report = desk.in_campus(work)
    imported = Imported(
        is_rehearsal=dry_run,
        added=report.added,
        changed=report.changed,
        unchanged=report.unchanged,
    )
    desk.output.show(imported, _draw_imported)


@person.command("show")
def show_person(context: typer.Context, number: Number, *, as_json: AsJson = False) -> None:
    """Show a person, what is on the wallets, and all cards. The audit trail remembers it."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> PersonShown:
        found = await person_of(connection, number)
        await record_reading(
            connection, desk.actor, person_id=found.id, what="profile", at=wall_clock()
        )
        balance = await find_balance(connection, found.id)
        cards = await list_cards(connection, found.id)
        return PersonShown(
            number=found.number,
            name=found.name,
            kind=found.kind,
            college=found.college,
            state=found.state,
            cash_fen=balance.cash.value,
            subsidy_fen=balance.subsidy.value,
            cards=[
                HeldCard(number=each.number, state=each.state, expires_on=str(each.expires_on))
                for each in cards
            ],
        )

    desk.output.show(desk.in_campus(work), _draw_person)


@person.command("code")
def issue_person_code(
    context: typer.Context,
    number: Number,
    *,
    purpose: Annotated[
        Purpose, typer.Option("--for", help="What the code is good for.")
    ] = Purpose.SET_PASSWORD,
    as_json: AsJson = False,
) -> None:
    """Make the one-time code with which a person sets a password or a new PIN."""
    desk = open_desk(context, as_json=as_json)

    async def work(connection: "Connection[Record]") -> IssuedCode:
        owner = Owner(OwnerKind.PERSON, (await person_of(connection, number)).id)
        async with connection.transaction():
            code = await issue_code(connection, owner, purpose, actor=desk.actor, at=wall_clock())
        return IssuedCode(code=code, purpose=purpose)

    desk.output.show(desk.in_campus(work), draw_code)


def draw_code(issued: IssuedCode) -> RenderableType:
    """Draw a one-time code."""
    return f"{issued.code}   {issued.purpose}, good for seven days, shown this once"


def _draw_imported(imported: Imported) -> RenderableType:
    done = "would be" if imported.is_rehearsal else "were"
    return (
        f"{imported.added:,} people {done} added, {imported.changed:,} changed, "
        f"{imported.unchanged:,} left as they are"
    )


def _draw_person(shown: PersonShown) -> RenderableType:
    facts = (
        ("number", shown.number),
        ("name", shown.name),
        ("kind", shown.kind),
        ("college", shown.college or ""),
        ("state", shown.state),
        ("cash", Fen(shown.cash_fen).yuan()),
        ("subsidy", Fen(shown.subsidy_fen).yuan()),
    )
    cards = [(each.number, each.state, each.expires_on) for each in shown.cards]
    return Group(table("", "", rows=facts), "", table("card", "state", "expires on", rows=cards))
