"""What can be typed after the name of the program: one module a command, and here what several of them need.

Each module has ``add(commands)``, which adds the command with its options to the parser, and a function that runs it,
given the options, and returns the exit code.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_INCOMPLETE = 3
EXIT_INTERRUPTED = 130
# Options of every parser.
WIDE: dict[str, Any] = {
    "formatter_class": argparse.RawDescriptionHelpFormatter,
    "epilog": """exit codes:
  0  done
  1  stopped by an error, which is printed
  2  the command line is wrong
  3  graded, but grading itself failed for some submissions: run the same command again
130  interrupted (Ctrl-C): run the same command again to resume
""",
}


def add_grades(parser: argparse.ArgumentParser) -> None:
    """Add the argument of every command that works on a folder of grades."""
    parser.add_argument("grades", metavar="GRADES", type=Path, help="a folder that `grade --out` wrote")


def positive(text: str) -> int:
    """Return a positive whole number, for the value of an option.

    Raises
    ------
    argparse.ArgumentTypeError
        The text is something else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive whole number, got {text!r}")
    return int(text)


def warn(lines: Iterable[str]) -> None:
    """Print lines to stderr."""
    for line in lines:
        print(line, file=sys.stderr)


def check_isolation(program: str, *, unsafe: bool, items: list[str], paths: Iterable[Path], here: bool = True) -> None:
    """Refuse to run students' code if it cannot be isolated, or could read what is private.

    Parameters
    ----------
    program
        The command's name, for messages.
    unsafe
        Allow it nevertheless, with a warning.
    items
        What the exercises preload: students' code can read these packages.
    paths
        What it must not be able to read.
    here
        Whether it runs on this machine.

    Raises
    ------
    ValueError
        It says what is in the way.
    """
    from coursegrader import sandbox

    if here and (reason := sandbox.other_system()):
        raise ValueError(reason)
    if unsafe:
        warn([f"{program}: --unsafe: students' code can read your files and use your network"])
        return
    if here and (obstacle := sandbox.obstacle()):
        raise ValueError(
            f"students' code cannot be isolated here: {obstacle}. To grade without isolation, use --unsafe"
        )
    readable = sandbox.readable_paths(tuple(items))
    for path in paths:
        if any(path.resolve().is_relative_to(folder) for folder in readable):
            raise ValueError(f"{path}: students' code can read this folder; move it elsewhere")
