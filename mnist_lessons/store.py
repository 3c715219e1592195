"""A store of trained models, so that each is trained once on a machine."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock

from mnist_lessons.fingerprint import fingerprint

if TYPE_CHECKING:
    import keras

History = dict[str, list[float]]
Recipe = Callable[..., tuple["keras.Model", History]]


def load_or_train(recipe: Recipe, *, seed: int = 0) -> "keras.Model":
    """Return the model that a recipe trains, trained at most once on this machine.

    What an earlier call with the same recipe, seed, code and versions left in the store is loaded.
    Otherwise the model is trained, which is said with the time that it took, and stored. Two processes
    that ask at once train it once. A stored file that is damaged is trained again, not trusted.

    The store is the folder named by the environment variable ``MNIST_LESSONS_STORE``,
    by default the user's cache folder.
    """
    return _stored(recipe, seed)[0]


def load_or_train_history(recipe: Recipe, *, seed: int = 0) -> History:
    """Return the learning curves of the model that `load_or_train` gives."""
    return _stored(recipe, seed)[1]


def _stored(recipe: Recipe, seed: int) -> tuple["keras.Model", History]:
    file = store_folder() / f"{recipe.__name__}-{seed}-{_fingerprint(recipe)}.keras"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        found = _load(file)
        if found is None:
            start = time.perf_counter()
            found = recipe(seed=seed)
            _save(file, *found)
            print(f"{recipe.__name__} (seed {seed}): trained in {time.perf_counter() - start:.0f} s and stored")
        return found


def store_folder() -> Path:
    """Return the folder of stored models; it may not exist yet."""
    return Path(os.environ.get("MNIST_LESSONS_STORE") or platformdirs.user_cache_dir("mnist-lessons"))


def _fingerprint(recipe: Recipe) -> str:
    """Hash what decides the outcome: the recipe, the modules it rests on, the libraries' versions."""
    code = Path(str(sys.modules[recipe.__module__].__file__)).read_text(encoding="utf-8")
    name = f"{recipe.__module__}.{recipe.__qualname__}"
    # Keras computes with TensorFlow, which it does not require.
    return fingerprint(code, packages=[Path(__file__).parent], libraries=["tensorflow"], extra=name)[:16]


def _save(file: Path, model: "keras.Model", history: History) -> None:
    """Write the model, then what vouches for it; either appears whole or not at all."""
    part = file.with_suffix(".part.keras")
    model.save(part)
    note = {"sha256": hashlib.sha256(part.read_bytes()).hexdigest(), "history": history}
    part.replace(file)
    note_part = file.with_suffix(".part.json")
    note_part.write_text(json.dumps(note), encoding="utf-8")
    note_part.replace(file.with_suffix(".json"))


def _load(file: Path) -> tuple["keras.Model", History] | None:
    """Return the stored model and history, or None where they are missing or not what was written."""
    try:
        note = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        intact = note["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if not intact:
        return None
    import keras

    return keras.models.load_model(file), note["history"]
