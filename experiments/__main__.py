"""Make the stored tables of experiments: ``python -m experiments [NAME ...]``."""

import argparse
import importlib
import sys
from pathlib import Path

from experiments.runner import RunError

files = sorted(Path(__file__).parent.glob("[!_]*.py"))
known = [file.stem for file in files if "\ndef main(" in file.read_text(encoding="utf-8")]
parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *known], default=known, help=", ".join(known))
parser.add_argument(
    "--rows", nargs="+", metavar="ROW", default=[], help="make only these rows of scoreboard or decisions"
)
options = parser.parse_args()
if options.rows and options.names not in (["scoreboard"], ["decisions"]):
    parser.error("--rows: expected scoreboard or decisions alone before it")
for name in options.names:
    try:
        importlib.import_module(f"experiments.{name}").main(*options.rows)
    except RunError as error:
        sys.exit(f"experiments: {error}")
