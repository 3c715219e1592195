"""The command line: build assignments and grade them; `coursegrader.commands` has the commands."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from coursegrader.commands import (
    EXIT_INTERRUPTED,
    WIDE,
    ask,
    assignment,
    feedback,
    grade,
    mark,
    override,
    regrade,
    replay,
    similarity,
    tables,
)


def main(
    arguments: Sequence[str] | None = None, *, program: str = "coursegrader", source: str | Path = "exercises"
) -> int:
    """Run the command; return its exit code.

    Parameters
    ----------
    arguments
        The command line; by default that of the process.
    program, source
        The command's name and its default folder of exercises, for a course that has a command of its own.
    """
    if arguments is None and {sys.getfilesystemencoding(), sys.stdout.encoding.lower()} != {"utf-8"}:
        _restart_in_utf8()
    options = _parser(program, Path(source)).parse_args(arguments)
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        code: int = options.run(options)
    except OSError as error:
        print(f"{program}: {f'{error.filename}: ' * bool(error.filename)}{error.strerror or error}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, before)
    return code


def _restart_in_utf8() -> NoReturn:
    """Run this command again in Python's UTF-8 mode: the locale's encoding cannot spell every student's name."""
    # Without a locale, Python 3.11 also reads UTF-8 where it looks up the folders of editable packages.
    dropped = {"LANG", "LC_ALL", "LC_CTYPE", "PYTHONCOERCECLOCALE", "PYTHONIOENCODING"}
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], variables)


def _interrupt(*_: object) -> None:
    """Exit at once: files are written atomically, and everything that was started ends with this process."""
    print("\ninterrupted", file=sys.stderr)
    os._exit(EXIT_INTERRUPTED)


def _parser(program: str, source: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Build and grade assignments.", **WIDE)
    parser.set_defaults(program=program)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    assignment.add(commands, source=source)
    grade.add(commands)
    mark.add(commands)
    tables.add(commands)
    regrade.add(commands)
    override.add(commands)
    replay.add(commands)
    feedback.add(commands)
    similarity.add(commands)
    ask.add(commands)
    return parser
