"""The program `campus` with all its commands."""

import typer

from engine.cli.campuses import create, list_all
from engine.cli.cards import card, recharge
from engine.cli.demo import demo_run
from engine.cli.doctor import doctor
from engine.cli.ledger import ledger
from engine.cli.people import people, person
from engine.cli.proofs import check, print_head, print_receipt, show_public_keys
from engine.cli.running import run
from engine.cli.staff import staff
from engine.cli.subsidies import subsidy
from engine.cli.terminals import merchant, terminal
from engine.cli.torture import torture

cli = typer.Typer(
    name="campus",
    help="The campus card and payment engine. Its settings are variables CAMPUS_…",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they would show local variables
)
cli.command("run")(run)
cli.command("demo")(demo_run)
cli.command("create")(create)
cli.command("list")(list_all)
cli.command("recharge")(recharge)
cli.command("doctor")(doctor)
cli.command("torture")(torture)
cli.add_typer(people, name="people")
cli.add_typer(person, name="person")
cli.add_typer(card, name="card")
cli.add_typer(staff, name="staff")
cli.add_typer(merchant, name="merchant")
cli.add_typer(terminal, name="terminal")
cli.add_typer(subsidy, name="subsidy")
cli.add_typer(ledger, name="ledger")
ledger.command("head")(print_head)
ledger.command("receipt")(print_receipt)
ledger.command("check-receipt")(check)
ledger.command("public-keys")(show_public_keys)
