"""A store of trained models, so that each is trained once on a machine; and how any file is stored safely."""

import contextlib
import functools
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock

from mnist_lessons.fingerprint import fingerprint
from mnist_lessons.loops import History
from mnist_lessons.models import accept_bytes_only, fused_normalization

if TYPE_CHECKING:
    import keras

PACKAGE = Path(__file__).parent
Recipe = Callable[..., tuple["keras.Model", History]]


def load_or_train(recipe: Recipe, *, seed: int = 0) -> "keras.Model":
    """Return the model that a recipe trains, trained at most once on this machine.

    What an earlier call with the same recipe, seed, code and versions left in the store is loaded.
    Otherwise the model is trained, which is said with the time that it took, and stored. Two processes
    that ask at the same time train it once. A stored file that is damaged is trained again, not trusted.
    Whether it was trained or loaded, the model refuses what is not uint8.

    The store is the folder named by the environment variable ``MNIST_LESSONS_STORE``,
    by default the user's cache folder. If it cannot be written, that is said once, and the model is trained
    without being stored.
    """
    return accept_bytes_only(_stored(recipe, seed)[0])


def load_or_train_history(recipe: Recipe, *, seed: int = 0) -> History:
    """Return the learning curves of the model that `load_or_train` gives."""
    return _stored(recipe, seed)[1]


def _stored(recipe: Recipe, seed: int) -> tuple["keras.Model", History]:
    file = store_folder() / f"{recipe.__name__}-{seed}-{_fingerprint(recipe)}.keras"
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError, NotImplementedError):  # what cannot be locked may still be read
            held.enter_context(lock(file))
        found = _load(file)
        if found is None:
            start = time.perf_counter()
            found = recipe(seed=seed)
            said = f"{recipe.__name__} (seed {seed}): trained in {time.perf_counter() - start:.0f} s"
            try:
                _save(file, *found)
                said += " and stored"
            except OSError as error:
                _say_not_stored(file.parent, error.strerror or str(error))
            print(said)
        return found


def store_folder() -> Path:
    """Return the folder of stored models; it may not exist yet."""
    return Path(os.environ.get("MNIST_LESSONS_STORE") or platformdirs.user_cache_dir("mnist-lessons"))


def lock(file: Path) -> FileLock:
    """Return a lock that only one process at a time gets for a file; its folder is made if it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{file}.lock")


def write_atomically(file: Path, content: str | bytes) -> None:
    """Write a file that is there whole or not at all; text is written as UTF-8."""
    with moved_when_whole(file, file.with_name(f"{file.name}.part")) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def moved_when_whole(file: Path, part: Path) -> Iterator[Path]:
    """Give `part` to write to; move it to `file` if that succeeds, and remove it otherwise."""
    try:
        yield part
        part.replace(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _fingerprint(recipe: Recipe) -> str:
    """Hash what decides the outcome: the recipe, the modules it rests on, the libraries' versions."""
    code = Path(str(sys.modules[recipe.__module__].__file__)).read_text(encoding="utf-8")
    # Keras computes with TensorFlow, which it does not require.
    return fingerprint(code, packages=[PACKAGE], libraries=["tensorflow"], extra=recipe.__qualname__)[:16]


def _save(file: Path, model: "keras.Model", history: History) -> None:
    """Write the model, then what vouches for it; either appears whole or not at all."""
    with moved_when_whole(file, file.with_suffix(".part.keras")) as part:
        model.save(part)
        note = {"sha256": hashlib.sha256(part.read_bytes()).hexdigest(), "history": history}
    write_atomically(file.with_suffix(".json"), json.dumps(note))


@functools.cache
def _say_not_stored(folder: Path, reason: str) -> None:
    """Say once in a process that nothing can be stored."""
    print(
        f"{folder}: models cannot be stored here ({reason}), so they are trained in each session; "
        "MNIST_LESSONS_STORE may name another folder"
    )


def _load(file: Path) -> tuple["keras.Model", History] | None:
    """Return the stored model and history, or None where they are missing or not what was written."""
    try:
        note = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        intact = note["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not intact:
        return None
    import keras

    fused_normalization()  # a layer that a stored network may have
    return keras.models.load_model(file), note["history"]
