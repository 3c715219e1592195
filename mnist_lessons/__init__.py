"""What the chapters of *MNIST Lessons* import: data, models, training, evaluation and plots.

Importing the package is cheap: TensorFlow is loaded when a model is first needed.
It also keeps TensorFlow's start-up lines out of notebooks, if it is imported before TensorFlow.
"""

import contextlib
import ctypes
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

# Errors only; whoever wants to see more sets the variable before the import.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextlib.contextmanager
def _silenced_stderr() -> Iterator[None]:
    """Discard what native code writes to file descriptor 2; Python exceptions still get out."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _apply_log_level(tensorflow: ModuleType) -> None:
    """Set the level of TensorFlow 2.20's second log, Abseil's, which does not read the variable; 2.21's does.

    Colab has 2.20. It has no function for this in Python, so the C++ function is called by its symbol:
    ``absl::SetMinLogLevel(level)``. Where the library lacks it, the log stays as it is.
    """
    level = os.environ["TF_CPP_MIN_LOG_LEVEL"]
    if tensorflow.__version__.startswith("2.20.") and level.isdigit():
        library = Path(str(tensorflow.__file__)).with_name("libtensorflow_cc.so.2")
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(str(library))["_ZN4absl12lts_2025012714SetMinLogLevelENS0_18LogSeverityAtLeastE"](int(level))


class _QuietTensorFlow(importlib.abc.MetaPathFinder):
    """Load TensorFlow with native stderr off: it logs two lines before any log level or variable applies.

    A chapter imports Keras itself, in sight of its readers, so only a hook gets to silence that import; and importing
    TensorFlow at once would cost seconds where no model is needed.
    """

    def find_spec(self, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_silently(module: ModuleType) -> None:
                with _silenced_stderr():
                    load(module)
                _apply_log_level(module)

            spec.loader.exec_module = load_silently  # type: ignore[method-assign]
        return spec


def check_keras() -> None:
    """Raise a RuntimeError if Keras is set up to compute in another way than the book's models are written for."""
    from keras import config

    for name, expected in {"backend": "tensorflow", "floatx": "float32", "image_data_format": "channels_last"}.items():
        if (found := getattr(config, name)()) != expected:
            raise RuntimeError(
                f"Keras: expected the {name} {expected}, got {found}; change it in ~/.keras/keras.json "
                "or the variable KERAS_BACKEND, and start Python again"
            )


if "keras" in sys.modules:  # the chapters import it first
    check_keras()
if "tensorflow" in sys.modules:
    _apply_log_level(sys.modules["tensorflow"])
else:
    sys.meta_path.insert(0, _QuietTensorFlow())
