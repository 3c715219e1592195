"""``mark``: mark by hand what no test can, in a page on this machine."""

import argparse
import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coursegrader.commands import WIDE, add_grades, warn

if TYPE_CHECKING:  # slow to import, and not needed for help
    from coursegrader.commands import Commands
    from coursegrader.gradebook import Gradebook
    from coursegrader.marking import Item, Mark
    from coursegrader.marking_page import Session


def add(commands: "Commands") -> None:
    """Add the command."""
    mark = commands.add_parser(
        "mark",
        help="mark answers by hand, in a page on this machine",
        description="Open the address that is printed, and mark the texts and figures that were handed in. Names are\n"
        "not shown. End with the page's button or Ctrl-C; run again, it goes on where you stopped.",
        **WIDE,
    )
    add_grades(mark)
    mark.add_argument("--marker", metavar="NAME", help="who marks")
    mark.add_argument("--question", metavar="ID", action="append", default=[], help="only this one; may be repeated")
    mark.add_argument("--share", metavar="K/N", type=_share, default=(1, 1), help="only the K-th of N equal parts")
    mark.add_argument("--port", metavar="N", type=_port, default=0, help="the page's port (default: any that is free)")
    which = mark.add_mutually_exclusive_group()
    which.add_argument("--settle", action="store_true", help="only what markers differ on, with what they gave")
    which.add_argument("--status", action="store_true", help="print what is marked and how well markers agree, and end")
    mark.set_defaults(run=_mark)


def _share(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text)
    if not found or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError(f"expected a part such as 1/2, got {text!r}")
    return int(found[1]), int(found[2])


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a number up to 65535, got {text!r}")
    return int(text)


def _mark(options: argparse.Namespace) -> int:
    from coursegrader.gradebook import Gradebook
    from coursegrader.marking import Journal, decide, find_items, read_marks
    from coursegrader.marking_page import Session

    book = Gradebook.open(options.grades)
    items = _choose(find_items(book.records(), book.assignment()[2]), options)
    by_marker = read_marks(options.grades)
    if options.status:
        print("\n".join(_describe(items, by_marker)))
        return 0
    if not options.marker:
        raise ValueError("--marker: expected the name of whoever marks")
    decisions = {}
    if options.settle:
        decisions = {key: found for key, found in decide(items, by_marker).items() if found.state == "differs"}
        items = [item for item in items if item.key in decisions]
        if not items:
            print("markers differ on nothing")
            return 0
    with Journal(options.grades, options.marker).opened() as journal:
        _serve(Session(items, journal, decisions), options.port)
    _finish(book, options.grades)
    return 0


def _choose(items: "list[Item]", options: argparse.Namespace) -> "list[Item]":
    """Return the answers that the options leave: those to some questions, and of each question a part."""
    known = list(dict.fromkeys(item.exercise.id for item in items))
    if not known:
        raise ValueError(f"{options.grades}: expected answers to a question with a rubric, found none")
    for name in options.question:
        if name not in known:
            raise ValueError(f"--question: expected one of {', '.join(known)}, got {name}")
    part, parts = options.share
    chosen = []
    for name in known if not options.question else [name for name in known if name in options.question]:
        chosen += [item for item in items if item.exercise.id == name][part - 1 :: parts]
    if not chosen:
        raise ValueError(f"--share: there are too few answers for {parts} parts")
    return chosen


def _serve(session: "Session", port: int) -> None:
    """Serve the page until it is ended; Ctrl-C ends it like its button."""
    from coursegrader.marking_server import MarkingServer

    with MarkingServer(session, port=port) as server:
        print(f"{len(session.left())} of {len(session.items)} answers to mark: {server.address}", flush=True)
        before = signal.signal(signal.SIGINT, lambda *_: server.ended.set())
        try:
            server.run()
        finally:
            signal.signal(signal.SIGINT, before)


def _finish(book: "Gradebook", folder: Path) -> None:
    """Write the tables, and print how many students are without a mark."""
    from coursegrader.marking import find_unmarked

    with book.locked():
        book.write_tables(tell=lambda line: warn([line]))
    waiting = find_unmarked(book.decided(book.records()))
    without = f"; without a mark yet: {len(waiting)}" if waiting else ""
    print(f"written: {folder / 'summary.html'}{without}")


def _describe(items: "Sequence[Item]", by_marker: "dict[str, list[Mark]]") -> Iterator[str]:
    """Yield lines that say what is marked, and how well markers agree."""
    from coursegrader.agreement import compare_markers
    from coursegrader.marking import decide

    decisions = decide(list(items), by_marker)
    for name in dict.fromkeys(item.exercise.id for item in items):
        states = [decisions[item.key].state for item in items if item.exercise.id == name]
        counts = {state: states.count(state) for state in ("marked", "unmarked", "differs")}
        yield f"{name}: {counts['marked']} marked, {counts['unmarked']} not marked, {counts['differs']} to settle"
    compared = list(compare_markers(items, by_marker))
    if compared:
        yield "\nanswers  alike  kappa"
    for found in compared:
        who = " and ".join(found.markers)
        yield f"{found.answers:7}  {found.same:5.0%}  {found.kappa:5.2f}  {who}: {found.subject}"
