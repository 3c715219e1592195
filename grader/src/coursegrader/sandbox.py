"""Sandbox a process with namespaces, a system-call filter and resource limits of the Linux kernel.

Namespaces give it a read-only file system with Python and one empty folder, no other processes and no network. The
system-call filter forbids new processes and what neither namespaces nor limits bound. Resource limits bound time,
memory, files and threads. Nothing here needs root or other programs.
"""

import contextlib
import ctypes
import functools
import os
import platform
import resource
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursegrader import preload

_libc = ctypes.CDLL(None, use_errno=True)

# From <linux/sched.h>, <sys/mount.h>, <linux/prctl.h>, <linux/mount.h>
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_CLONE_NEWIPC, _CLONE_NEWPID, _CLONE_NEWNET = 0x08000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SYS_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_READ_ONLY_NOSUID = 442, -100, 0x8000, 1 | 2
WORK = "/student"  # the empty folder in which a student's code runs
# User ids that nobody has by the conventions of systemd (https://systemd.io/UIDS-GIDS) and SSSD, which gives ids up to
# 2,000,200,000 to the users of a directory. The second range is for containers, which may have no ids above 65,535.
_USERS = (range(2_100_000_000, 2_100_020_000), range(60_706, 61_184))

# Kernel settings that forbid user namespaces, with a value that forbids and one that allows them: on any Linux, on old
# versions of Debian, and on Ubuntu since 24.04, where AppArmor removes all rights inside a new namespace.
_SETTINGS = [
    ("user.max_user_namespaces", "0", "15000"),
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
]

# System calls that the filter refuses, with their numbers in <asm/unistd.h> for each architecture: processes, mounts,
# debugging, memory that no limit counts (SysV IPC, message queues, memory files, pages that a pipe holds, file events),
# what the whole machine shares (contexts of asynchronous I/O), and large parts of the kernel that are rarely needed
# (io_uring, bpf, perf events, keys). Only AF_UNIX sockets are allowed: no namespace isolates VSOCK.
_FORBIDDEN = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "splice": (275, 76), "tee": (276, 77), "vmsplice": (278, 75), "io_setup": (206, 0),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
}  # fmt: skip
# System calls that it refuses with one value of an argument: their numbers, the argument's position and the value.
# With a lease (F_SETLEASE), whoever owns a file makes each process that opens it wait. Who grades may own Python's.
# Without PR_SET_PDEATHSIG, a process outlives a supervisor that is killed.
_FORBIDDEN_ARGUMENTS = {"fcntl": ((72, 25), 1, 1024), "prctl": ((157, 167), 0, _PR_SET_PDEATHSIG)}
_ARCHITECTURES: dict[str, dict[str, Any]] = {
    "x86_64": {"column": 0, "audit": 0xC000003E, "clone": 56, "sockets": (41, 53)},
    "aarch64": {"column": 1, "audit": 0xC00000B7, "clone": 220, "sockets": (198, 199)},
}


@dataclass(frozen=True)
class Limits:
    """Limits for one question of one student.

    Attributes
    ----------
    seconds : float
        Wall time and CPU time, in seconds.
    memory : int
        Address space beyond what the process starts with, in bytes.
    file_size : int
        Size of any one file, and of all files together, in bytes.
    threads : int
        Number of threads; TensorFlow starts some for each core.
    """

    seconds: float = 20
    memory: int = 2 << 30
    file_size: int = 32 << 20
    threads: int = 64 + 4 * (os.cpu_count() or 1)


def _check(result: int, action: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{action}: {os.strerror(code)}")


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = [os.fsencode(text) for text in (source, target, kind)]
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), data.encode()), f"mount {target}")


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when the thread that started it ends.

    Parameters
    ----------
    parent
        A pidfd of the parent, to end now if it has ended before.
    """
    if sys.platform == "linux":
        _check(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")
        if parent is not None and select.select([parent], [], [], 0)[0]:
            os._exit(0)


@functools.cache
def readable_paths(items: tuple[str, ...] = ()) -> list[Path]:
    """Return what a student's code can read: system libraries, Python, this package and the course's packages.

    Parameters
    ----------
    items
        What the exercises preload. Editable packages are outside Python's folders.
    """
    system = [Path(name) for name in ("/usr", "/lib", "/lib64", "/bin")]
    python = [Path(sys.base_prefix), Path(sys.prefix), Path(__file__).resolve().parent]
    paths = [path for path in dict.fromkeys(system + python) if path.is_dir()]
    course = (path for path in preload.locate(items) if path.exists())
    return paths + [path for path in course if not any(path.is_relative_to(folder) for folder in paths)]


def enter_namespaces() -> int | None:
    """Enter new namespaces; the next process that is forked is the first one in them.

    Returns
    -------
    int or None
        The user id that this process must switch to: one for each process, as the kernel counts threads by user. None
        without root, as the user namespace then has one user only.

    Raises
    ------
    OSError
        The kernel or the container forbids it.
    """
    flags = _CLONE_NEWNS | _CLONE_NEWPID | _CLONE_NEWNET | _CLONE_NEWIPC
    if users := find_users():
        user = users[os.getpid() % len(users)]
        try:
            _unshare(flags)
        except PermissionError:
            # Root in a container, without the capability for that. As another user it may enter a user namespace. As
            # root it could, too, but the kernel limits no threads of root.
            _become(user)
        else:
            return user
    uid, gid = os.geteuid(), os.getegid()
    _unshare(flags | _CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="utf-8")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="utf-8")
    return None


@functools.cache
def find_users() -> range | None:
    """Return ids that are unused as ids of users and of groups; None if this is not root or there are none."""
    if os.geteuid() != 0:
        return None
    return next((ids for ids in _USERS if _is_unused(ids, "uid", "passwd") and _is_unused(ids, "gid", "group")), None)


def _is_unused(ids: range, kind: str, table: str, etc: Path = Path("/etc")) -> bool:
    """Tell whether ids exist, as not all do in a user namespace, and belong to nobody."""

    def numbers(file: Path) -> list[list[int]]:
        with contextlib.suppress(OSError):
            lines = file.read_text(encoding="utf-8", errors="replace").replace(":", " ").splitlines()
            return [[int(word) for word in line.split() if word.isdecimal()] for line in lines]
        return []

    exist = any(
        first <= ids[0] and ids[-1] < first + count for first, _, count in numbers(Path(f"/proc/self/{kind}_map"))
    )
    taken = [range(line[0], line[0] + 1) for line in numbers(etc / table) if line]
    taken += [range(line[-2], sum(line[-2:])) for line in numbers(etc / f"sub{kind}") if len(line) > 1]
    return exist and not any(span.start < ids.stop and ids.start < span.stop for span in taken)


def _become(user: int) -> None:
    try:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    except PermissionError as error:
        raise PermissionError(error.errno, "root needs the capabilities to set user and group ids") from error
    _check(_libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0), "prctl")  # else the files of this process in /proc are root's


def _replace_file_system(size: int, paths: Sequence[Path]) -> None:
    """Make an empty file system the root, with `paths` in it, read-only."""
    root = "/proc"  # any existing folder that students must not see
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={size},mode=0755,nr_inodes=10000")
    for path in [*paths, *map(Path, ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"))]:
        target = Path(root + str(path))
        if path.is_symlink() and path.parent == Path("/"):
            target.symlink_to(os.readlink(path))  # /lib is a link to usr/lib on most systems
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.mkdir(exist_ok=True) if path.is_dir() else target.touch()
        _mount(str(path), str(target), "", _MS_BIND | _MS_REC)
        _set_read_only(target)
    # There is no /proc, which would expose too much. But TensorFlow aborts if it cannot read the name of the program
    # there, and reads more if that is Python.
    os.makedirs(root + "/proc/self")
    os.symlink("/nowhere", root + "/proc/self/exe")
    os.makedirs(root + "/tmp", exist_ok=True)  # exists if Python or the course is below /tmp
    os.mkdir(root + WORK)
    for folder in ("/tmp", WORK):
        os.chmod(root + folder, 0o1777)
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _MNT_DETACH), "umount2")
    os.chdir(WORK)


def _set_read_only(path: Path) -> None:
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_READ_ONLY_NOSUID, 0, 0, 0)
    result = _libc.syscall(
        _SYS_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), _AT_RECURSIVE, attributes, ctypes.c_size_t(len(attributes))
    )
    _check(result, f"mount_setattr {path}")


def _drop_privileges(user: int | None) -> None:
    if user is not None:
        _become(user)
    header = struct.pack("Ii", 0x20080522, 0)  # capset(2), version 3, this thread
    _check(_libc.capset(header, bytes(24)), "capset")
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _forbid_system_calls() -> None:
    """Load a system-call filter that allows threads, but no processes, no programs and nothing in `_FORBIDDEN`.

    Namespaces end with the question anyway; the filter stops a fork bomb before that.
    On an architecture that is not listed, only limits and namespaces apply.
    """
    system = _ARCHITECTURES.get(platform.machine())
    if system is None:
        return
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, error, kill = 0x7FFF0000, 0x00050000, 0x80000000
    not_permitted, no_such_call, no_such_family = 1, 38, 97
    program = [
        (load, 0, 0, 4),  # the architecture: numbers mean other calls on another one
        (equal, 1, 0, system["audit"]),
        (answer, 0, 0, kill),
        (load, 0, 0, 0),  # the number of the system call
        (at_least, 0, 1, 0x40000000),  # x32: the same calls under other numbers
        (answer, 0, 0, kill),
        (equal, 0, 1, 435),  # clone3: report it as unknown, and libraries fall back to clone
        (answer, 0, 0, error | no_such_call),
    ]
    for numbers in _FORBIDDEN.values():
        number = numbers[system["column"]]
        if number is not None:
            program += [(equal, 0, 1, number), (answer, 0, 0, error | not_permitted)]
    for numbers, position, value in _FORBIDDEN_ARGUMENTS.values():
        program += [
            (equal, 0, 4, numbers[system["column"]]),
            (load, 0, 0, 16 + 8 * position),
            (equal, 0, 1, value),
            (answer, 0, 0, error | not_permitted),
            (answer, 0, 0, allow),
        ]
    for number in system["sockets"]:
        program += [
            (equal, 0, 4, number),
            (load, 0, 0, 16),  # the first argument: the family
            (equal, 0, 1, 1),  # AF_UNIX
            (answer, 0, 0, allow),
            (answer, 0, 0, error | no_such_family),
        ]
    program += [
        (equal, 0, 4, system["clone"]),
        (load, 0, 0, 16),  # its flags
        (any_bit, 0, 1, 0x00010000),  # CLONE_THREAD
        (any_bit, 1, 0, 0x00000400),  # CLONE_FILES: else each thread could have as many files as the limit allows
        (answer, 0, 0, error | not_permitted),
        (answer, 0, 0, allow),
    ]
    instructions = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    filter_program = struct.pack("HxxxxxxP", len(program), ctypes.addressof(instructions))
    _check(_libc.prctl(_PR_SET_SECCOMP, 2, filter_program, 0, 0), "seccomp")


def set_limits(limits: Limits) -> None:
    """Limit time, memory, files and threads of this process permanently."""
    in_use = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    seconds = int(limits.seconds) + 1
    for name, value in {
        resource.RLIMIT_AS: in_use + limits.memory,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: limits.file_size,
        resource.RLIMIT_NPROC: limits.threads,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
    }.items():
        resource.setrlimit(name, (value, value))


def confine(limits: Limits, *, user: int | None, parent: int, paths: Sequence[Path]) -> None:
    """Sandbox this process, the first one forked after `enter_namespaces`.

    Parameters
    ----------
    limits
        Its limits.
    user
        The user id to switch to; None to keep it, in a user namespace.
    parent
        A pidfd of the process that forked this one, and whose end is to end it. It is closed.
    paths
        What it may read, see `readable_paths`.

    Raises
    ------
    OSError
        A step failed. The process must then end.
    """
    # If memory runs out, the kernel kills this first.
    Path("/proc/self/oom_score_adj").write_text("1000", encoding="utf-8")
    set_limits(limits)
    _replace_file_system(limits.file_size, paths)
    _drop_privileges(user)
    die_with_parent(parent)  # changing the user id cleared it
    os.close(parent)
    _forbid_system_calls()


def other_system() -> str | None:
    """Return why nothing can be graded on this machine, with isolation or without; None on Linux."""
    if sys.platform == "linux":
        return None
    return f"grading needs Linux, and this is {platform.system()}; use a container or a virtual machine"


@functools.cache
def obstacle() -> str | None:
    """Return why processes cannot be sandboxed on this machine and what to do about it; None if they can.

    Tries it in a separate process, once.
    """
    if reason := other_system():
        return reason
    done = subprocess.run([sys.executable, "-P", "-m", __name__], capture_output=True, encoding="utf-8")
    return explain_failure(done.stderr) if done.returncode else None


def explain_failure(error: str, settings: Path = Path("/proc/sys")) -> str:
    """Name the kernel settings that forbid user namespaces and how to change them, or else the error."""
    remedies = []
    for name, forbids, allows in _SETTINGS:
        file = settings / name.replace(".", "/")
        if file.is_file() and file.read_text(encoding="utf-8").strip() == forbids:
            remedies.append(
                f"{name} is {forbids}, which forbids user namespaces; "
                f"to allow them until the machine restarts: sudo sysctl -w {name}={allows}"
            )
    if not remedies:
        last = error.strip().rpartition("\n")[2]
        remedies = [
            f"{last}; isolation needs Linux 5.12 or newer, and in a container the right to create user namespaces"
        ]
    return ". ".join(remedies)


def _try() -> None:
    """Exit with code 0 if sandboxing works."""
    user = enter_namespaces()
    parent = os.pidfd_open(os.getpid())
    pid = os.fork()
    if pid == 0:
        confine(Limits(threads=1), user=user, parent=parent, paths=readable_paths())
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=print).start()
            raise PermissionError("threads are not limited, as for root of the machine in a user namespace")
        os._exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    _try()
