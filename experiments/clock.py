"""What a part of a program costs."""

import contextlib
import gc
import resource
import sys
import time
from pathlib import Path
from types import TracebackType


class Clock:
    """Adds up the seconds of the blocks that it is entered for, of this process and of those that it waited for.

    Attributes
    ----------
    cpu_seconds, wall_seconds
        The sums so far.
    peak_mb
        The most memory that this process has held, in MB, up to the end of the last block.
    """

    def __init__(self) -> None:
        self.cpu_seconds = self.wall_seconds = 0.0
        self.peak_mb = _peak_mb()

    def __enter__(self) -> "Clock":
        gc.collect()  # else what imports left behind may be collected on the clock
        self._cpu, self._wall = _cpu_seconds(), time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cpu_seconds += _cpu_seconds() - self._cpu
        self.wall_seconds += time.perf_counter() - self._wall
        self.peak_mb = _peak_mb()

    def figures(self, count: int = 1) -> dict[str, float]:
        """Return the attributes by name, the seconds divided by the number of things that were done in them."""
        seconds = {"cpu_seconds": self.cpu_seconds / count, "wall_seconds": self.wall_seconds / count}
        return {**seconds, "peak_mb": self.peak_mb}


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_mb() -> float:
    # What getrusage says on Linux is at least what the process had that started this one.
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
