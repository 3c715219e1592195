"""Make the stored tables anew: ``python -m experiments [NAME ...]``."""

import argparse
import importlib
from pathlib import Path

known = sorted(file.stem for file in Path(__file__).parent.glob("*.py") if not file.stem.startswith("_"))
parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *known], default=known, help=", ".join(known))
for name in parser.parse_args().names:
    importlib.import_module(f"experiments.{name}").main()
