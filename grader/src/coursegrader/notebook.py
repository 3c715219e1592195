"""Run the cells of a notebook as Jupyter does, with IPython: in a student process, without a shell or a display."""

import builtins
import contextlib
import timeit
import types
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magics import execution
from IPython.utils.text import SList
from traitlets.config import Config

# Magics that need a shell or a package manager.
_SHELL = {"bash", "sh", "script", "system", "sx", "cmd", "perl", "ruby", "pip", "conda", "mamba", "micromamba", "uv"}
# Magics that change how a notebook looks or is edited, and fail where what they need is not installed.
_NO_EFFECT = {"matplotlib", "config", "load_ext", "reload_ext", "autoreload", "tensorboard", "debug", "pdb"}


class _Compiler(CachingCompiler):  # type: ignore[misc]  # has no types
    """Name the code of cells in the order in which they run."""

    _count = 0

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """Return the name that tracebacks show."""
        self._count += 1
        return f"cell {self._count}"


class Notebook(InteractiveShell):  # type: ignore[misc]  # has no types
    """A notebook's kernel without its front end: magics and `await` work, shell lines do nothing.

    A statement that fails does not keep the next one from running: what is right below a line that only works
    elsewhere, such as ``from google.colab import drive``, must be defined.

    Attributes
    ----------
    used_shell : bool
        Whether any code asked for a shell.
    """

    def __init__(self, **options: Any) -> None:
        config = Config()
        config.HistoryManager.enabled = False  # no file, no thread
        config.HistoryManager.hist_file = ":memory:"
        config.InteractiveShell.ast_node_interactivity = "none"
        super().__init__(config=config, user_module=types.ModuleType("__main__"), **options)
        self.used_shell = False
        self._failure: BaseException | None = None
        self.display_formatter.format = lambda *_, **__: ({}, {})  # nobody sees what is displayed
        execution.Timer.timeit = _time_once

    compiler_class = _Compiler

    def init_ipython_dir(self, ipython_dir: str) -> None:
        """Leave the home of whoever grades alone."""

    def init_profile_dir(self, profile_dir: str) -> None:
        """Leave the home of whoever grades alone."""

    def run(self, code: str, *, keep: bool = False) -> None:
        """Run a cell; raise its first error at the end. With `keep`, names that exist keep their values."""
        self._failure = None
        before = dict(self.user_ns)
        result = self.run_cell(code, store_history=False)
        if keep:
            for name in self.user_ns.keys() & vars(builtins).keys():
                del self.user_ns[name]
            self.user_ns.update(before)
        if failure := result.error_before_exec or self._failure:
            raise failure

    async def run_code(self, code_obj: Any, result: Any = None, *, async_: bool = False) -> bool:
        """Run a statement; report no error, so that the next one runs."""
        await super().run_code(code_obj, result, async_=async_)
        self._failure = self._failure or (result and result.error_in_exec)
        return False

    def _tee(self, *_: Any, **__: Any) -> contextlib.nullcontext[None]:
        """Keep no copy of what is printed: it would fill the memory."""
        return contextlib.nullcontext()

    def system(self, *_: Any) -> None:
        """Do nothing for a shell line, and remember it."""
        self.used_shell = True

    def getoutput(self, *_: Any, **__: Any) -> SList:
        """Return the output of no shell."""
        self.used_shell = True
        return SList()

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a magic; one that is not installed here does nothing."""
        if magic_name in _SHELL:
            return self.getoutput()
        if magic_name in _NO_EFFECT or self.find_line_magic(magic_name) is None:
            return None
        return super().run_line_magic(magic_name, line, _stack_depth=_stack_depth + 1)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Run a magic; one that is not installed here does nothing."""
        if magic_name in _SHELL:
            return self.getoutput()
        return super().run_cell_magic(magic_name, line, cell) if self.find_cell_magic(magic_name) else None

    def showtraceback(self, *_: Any, **__: Any) -> None:
        """Show nothing: errors are raised by `run`."""

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        """Show nothing: errors are raised by `run`."""

    def ask_exit(self) -> None:
        """Stay, where a notebook would end."""


def _time_once(timer: timeit.Timer, number: int = 1) -> float:
    """Time one call, however many ``%timeit`` asks for: its figures count for no mark."""
    return timeit.Timer.timeit(timer, 1)
