"""The progress of training as one line, which reads well in a notebook, in a terminal and in a log file."""

import functools
import sys
import time
from typing import Any


def progress() -> Any:
    """Return a callback for ``model.fit(verbose=0, callbacks=[progress()])``: one line, rewritten each epoch.

    In a notebook the line is one output that is updated, so that a static page shows its last state;
    in a terminal it is rewritten in place; in a log file only the last state is written.
    """
    return _progress_class()()


@functools.cache
def _progress_class() -> Any:
    """Define the callback when Keras is first needed."""
    import keras

    class Progress(keras.callbacks.Callback):
        """One line that is rewritten after each epoch and stays with the last one."""

        def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
            self._start = time.perf_counter()
            self._line = _Line()

        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            figures = "".join(
                f", {name.replace('val_', 'validation ')} {value:.4f}" for name, value in (logs or {}).items()
            )
            seconds = time.perf_counter() - self._start
            self._line.show(f"epoch {epoch + 1} of {self.params['epochs']}{figures} ({seconds:.0f} s)")

        def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
            self._line.end()

    return Progress


class _Line:
    """A line of text that can be replaced: a notebook display, a terminal line, or the last state of a log."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._text = ""
        ipython = sys.modules.get("IPython")
        self._notebook = hasattr(ipython and ipython.get_ipython(), "kernel")

    def show(self, text: str) -> None:
        if self._notebook:
            from IPython.display import display

            bundle = {"text/plain": text}
            if self._handle is None:
                self._handle = display(bundle, raw=True, display_id=True)
            else:
                self._handle.update(bundle, raw=True)
        elif sys.stdout.isatty():
            sys.stdout.write("\r" + text.ljust(len(self._text)))
            sys.stdout.flush()
        self._text = text

    def end(self) -> None:
        if not self._notebook and self._text:
            sys.stdout.write(("\r" if sys.stdout.isatty() else "") + self._text + "\n")
