"""The command line: one file a command, and one place where an error becomes a message and an exit code."""

import io
import sys

import typer
from rich.console import Console
from rich.markup import escape

from mgcld import __version__
from mgcld.cli.check import check
from mgcld.cli.classify import classify
from mgcld.cli.ctl import ctl
from mgcld.cli.demo import demo
from mgcld.cli.devices import devices
from mgcld.cli.encoders import encoders
from mgcld.cli.evaluate import Listing, evaluate
from mgcld.cli.explain import explain
from mgcld.cli.keys import app as keys
from mgcld.cli.run import run
from mgcld.cli.schema import schema
from mgcld.cli.train import train
from mgcld.cli.watch import watch
from mgcld.errors import MgcldError
from mgcld.names import printable

app = typer.Typer(
    help="mgcld hears the world and says what it hears.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (run, check, train, explain, classify, watch, schema, devices, encoders, demo):
    app.command()(command)
app.command("eval", cls=Listing)(evaluate)
app.add_typer(ctl, name="ctl")
app.add_typer(keys, name="keys")


@app.callback(invoke_without_command=True)
def version(show: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Mgcld hears the world and says what it hears."""
    if show:
        print(f"mgcld {__version__}")
        raise typer.Exit


def main() -> None:
    """Run `mgcld`; a user's mistake is two lines on stderr and an exit code, a bug keeps its traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that does not know a sign shows "?"
    try:
        app()
    except MgcldError as error:
        tell(error)
        sys.exit(error.exit_code)


def tell(error: MgcldError) -> None:
    """Print what is wrong and what to do."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[bold red]error:[/] {_shown(str(error))}")
    if error.help:
        console.print(f"[yellow]help:[/] {_shown(error.help)}")


def _shown(text: str) -> str:
    """Lines stay lines; nothing else in them steers the terminal or rich."""
    return escape("\n".join(printable(line) for line in text.split("\n")))
