import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from coursegrader import sandbox
from coursegrader.forkserver import Forkserver, GraderError, StudentError
from coursegrader.sandbox import Limits

# Run what follows where the kernel forbids namespaces.
NO_NAMESPACES = ["unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh"]

pytestmark = pytest.mark.usefixtures("needs_isolation")


def run(forkserver: Forkserver, code: str, *, ask: str = "result", seconds: int = 20, items: Sequence[str] = ()) -> Any:
    """Run code as a student and return what it left under a name."""
    with forkserver.student(limits=Limits(seconds=seconds), items=items) as student:
        student.run(code)
        return student.fetch(ask)


def tried(statement: str) -> str:
    """Return code that leaves in `result` whether a statement raised no OSError."""
    attempt = f"try:\n    {statement}\n    result = True\nexcept (OSError, MemoryError):\n    result = False"
    return f"import os, socket\n{attempt}"


def left_behind(forkserver: Forkserver) -> list[psutil.Process]:
    """Return the processes that outlive a question; the supervisor gets a moment to end."""
    processes = psutil.Process(forkserver.pid).children(recursive=True)
    alive: list[psutil.Process] = psutil.wait_procs(processes, timeout=5)[1]
    return alive


def test_ordinary_code_runs(forkserver: Forkserver) -> None:
    assert run(forkserver, "import json, wave\nresult = len(json.dumps([1, 2]))") == 6


@pytest.mark.parametrize("folder", ["/etc", "/var", "/proc/1", "/sys", os.path.dirname(__file__)])
def test_folder_outside_python_is_hidden(forkserver: Forkserver, folder: Any) -> None:
    assert run(forkserver, tried(f"os.listdir({folder!r})")) is False


def test_file_outside_can_be_neither_read_nor_written(forkserver: Forkserver, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept", encoding="utf-8")
    assert run(forkserver, tried(f"open({str(secret)!r}).read()")) is False
    run(forkserver, tried(f"os.makedirs({str(tmp_path)!r}, exist_ok=True); open({str(secret)!r}, 'w').write('forged')"))
    assert secret.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("path", [os.path.dirname(sandbox.__file__), sys.prefix, "/usr"])
def test_visible_folders_are_read_only(forkserver: Forkserver, path: Any) -> None:
    assert run(forkserver, tried(f"open({path + '/forged'!r}, 'w')")) is False
    assert not os.path.exists(path + "/forged")


def test_files_of_one_student_are_invisible_to_the_next(forkserver: Forkserver) -> None:
    run(forkserver, "open('left', 'w').write('x')\nresult = 1")
    assert run(forkserver, "import os\nresult = os.listdir('.')") == []


def test_network_is_unreachable(forkserver: Forkserver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run(forkserver, tried(f"socket.create_connection(('127.0.0.1', {port}), timeout=2)")) is False
    for family in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG"):  # some know no namespaces
        assert run(forkserver, tried(f"socket.socket(socket.{family}, socket.SOCK_DGRAM)")) is False, family
    assert run(forkserver, tried("[s.close() for s in socket.socketpair()]")) is True, "threads may talk to each other"


def test_abstract_unix_socket_of_the_machine_is_unreachable(forkserver: Forkserver) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0coursegrader-test")
        server.listen()
        assert run(forkserver, tried("socket.socket(socket.AF_UNIX).connect('\\0coursegrader-test')")) is False


def test_links_and_proc_lead_nowhere(forkserver: Forkserver) -> None:
    link = "os.symlink('/etc/passwd', '/tmp/link'); open('/tmp/link')"
    assert run(forkserver, tried(link)) is False
    assert run(forkserver, tried("open('/proc/self/mem')")) is False
    assert run(forkserver, tried("open('/proc/1/root/etc/passwd')")) is False


def test_environment_files_and_folder_of_the_grader_are_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable, no open file, no folder."""
    monkeypatch.setenv("SECRET_TOKEN", "kept")
    code = """
import os
files = []
for number in range(4096):
    try:
        os.fstat(number)
        files.append(number)
    except OSError:
        pass
result = [sorted(os.environ), files, os.getcwd()]
"""
    with Forkserver() as forkserver:
        variables, files, folder = run(forkserver, code)
    assert "SECRET_TOKEN" not in variables
    assert files == [0, 1, 2, 3]
    assert folder == sandbox.WORK


def test_modules_are_not_imported_from_the_folder_of_submissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would look into the folder it is started in first, outside the sandbox."""
    for name in ("numpy", "json", "keras", "array"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert sandbox.obstacle.__wrapped__() is None
    with Forkserver() as forkserver:
        assert run(forkserver, "import numpy\nresult = 1") == 1
    assert not (tmp_path / "imported").exists()


# Look for words in the memory of this process: a write to a pipe tells whether a page can be read.
SEARCH = """
import ctypes, gc, os
words = bytes(letter ^ 1 for letter in {mixed!r})
libc = ctypes.CDLL(None)
libc.sbrk.restype, libc.sbrk.argtypes = ctypes.c_void_p, [ctypes.c_long]
libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
end = libc.sbrk(0)
pages = set(range((end >> 12) - 20_000, end >> 12))
for thing in gc.get_objects():
    pages |= set(range(id(thing) >> 20 << 8, (id(thing) >> 20 << 8) + 256))
entry, exit = os.pipe()
result = 0
for page in sorted(pages):
    if libc.write(exit, page << 12, 4096) == 4096 and (found := os.read(entry, 4096).find(words)) >= 0:
        around = ctypes.string_at((page << 12) + found - 4, len(words) + 4)
        result += around.startswith(b"def ")
"""


def test_code_of_earlier_students_is_not_in_memory(forkserver: Forkserver) -> None:
    words = b"my_very_own_answer"
    search = SEARCH.format(mixed=bytes(letter ^ 1 for letter in words))
    code = f"def {words.decode()}(): pass\n" + "x = 1\n" * 2000
    assert run(forkserver, code + search, ask="result") > 0, "the search would find it"
    for _ in range(3):
        run(forkserver, code + "result = 1")
    assert run(forkserver, search) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "__import__('subprocess').run(['true'])",
        "__import__('ctypes').CDLL(None, use_errno=True).unshare(0x10000000) == 0 or os.kill(999999, 0)",
        "os.memfd_create('x')",
        "os.setuid(not os.getuid())",
        "os.kill(os.getppid() or 999999, 9)",
        "os.execv('/bin/true', ['true'])",
        "os.execv(__import__('sys').executable, ['python', '-c', ''])",
        "os.chroot('/usr')",
        "open('f', 'w').close(); __import__('fcntl').fcntl(os.open('f', os.O_RDONLY), 1024, 1)",  # a lease
        "__import__('ctypes').CDLL(None).prctl(1, 0) == 0 or os.kill(999999, 0)",  # to outlive the supervisor
    ],
)
def test_new_processes_and_privileges_are_refused(forkserver: Forkserver, statement: str) -> None:
    assert run(forkserver, tried(statement)) is False


def test_forbidden_system_calls_fail(forkserver: Forkserver) -> None:
    column = sandbox._ARCHITECTURES[os.uname().machine]["column"]
    calls = {name: numbers[column] for name, numbers in sandbox._FORBIDDEN.items() if numbers[column] is not None}
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
nothing = [ctypes.c_long(0)] * 5
result = {{name: [libc.syscall(call, *nothing), ctypes.get_errno()] for name, call in {calls}.items()}}
"""
    assert run(forkserver, code) == {name: [-1, 1] for name in calls}


def test_thread_with_files_of_its_own_is_refused(forkserver: Forkserver) -> None:
    """Each would have as many as the limit allows, and sockets and pipes hold memory that no limit counts."""
    clone = sandbox._ARCHITECTURES[os.uname().machine]["clone"]
    nothing = "*[ctypes.c_long(0)] * 4"
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
result = [libc.syscall({clone}, ctypes.c_long(0x10900), {nothing}), ctypes.get_errno()]
"""
    assert run(forkserver, code) == [-1, 1]


def test_shared_memory_segments_are_refused(forkserver: Forkserver) -> None:
    """Segments of shared memory belong to no process: this would fill the machine's memory."""
    code = """
import ctypes
libc = ctypes.CDLL(None)
result = [libc.shmget(0, 1 << 20, 0o1600), libc.semget(0, 1, 0o1600), libc.msgget(0, 0o1600)]
"""
    assert run(forkserver, code) == [-1, -1, -1]


def test_signal_to_the_process_group_reaches_only_the_student(forkserver: Forkserver) -> None:
    """To stop its supervisor would stop the grader, for ever."""
    stop = "try:\n    os.kill(0, signal.SIGSTOP)\nexcept OSError:\n    pass"
    code = f"import os, signal\n{stop}\nresult = [os.getpgid(0), os.getsid(0), os.getpid()]"
    assert run(forkserver, code) == [1, 1, 1]


def test_thread_limit_is_separate_for_each_student(forkserver: Forkserver) -> None:
    """The kernel counts threads by user: two students at a time must not be one user."""
    start = "import threading, time\nfor _ in range({}):\n    threading.Thread(target=time.sleep, args=(9,)).start()\n"
    many = start.format(Limits().threads - 4)
    with forkserver.student(limits=Limits()) as first, forkserver.student(limits=Limits()) as second:
        first.run(many)
        second.run(many)


def test_threads_are_allowed(forkserver: Forkserver) -> None:
    assert run(forkserver, "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\nresult = 1") == 1


def test_student_has_no_capabilities_and_is_not_root(forkserver: Forkserver) -> None:
    header = "struct.pack('Ii', 0x20080522, 0)"
    code = f"import ctypes, os, struct\nd = ctypes.create_string_buffer(24)\nctypes.CDLL(None).capget({header}, d)\n"
    assert run(forkserver, code + "result = any(d.raw)") is False
    assert run(forkserver, "import os\nresult = os.getuid()") != 0 or os.geteuid() == 0


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import signal\nfor s in range(1, 32):\n    s in (9, 19) or signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        "import time\ntime.sleep(1000)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\ntime.sleep(1000)",
        "while True: print('x' * 1_000_000)",
        "import sys\nsys.setrecursionlimit(10**9)\nf = lambda: f()\nf()",
        "while True:\n    try:\n        import os; os.fork()\n    except BaseException: pass",
    ],
    ids=["loop", "ignores signals", "sleeps", "threads", "prints", "recursion", "fork bomb"],
)
def test_endless_code_is_killed_at_the_time_limit(forkserver: Forkserver, code: str) -> None:
    with pytest.raises(StudentError):
        run(forkserver, code, seconds=1)
    assert left_behind(forkserver) == []


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos._exit(0)",
        "import os\nos.abort()",
        "import sys\nsys.exit(0)",
        "raise KeyboardInterrupt",
        "import ctypes\nctypes.string_at(0)",
        "import os\nos.close(3)",
        "import os\nos.write(3, b'{\"value\": 100}' * 1000)\nos._exit(0)",
        "import os\nos.write(3, b'\\0\\0\\0\\2[]' * 1000)\nos._exit(0)",
    ],
)
def test_process_that_exits_or_forges_messages_is_an_error(forkserver: Forkserver, code: str) -> None:
    with pytest.raises(StudentError):
        run(forkserver, code)
    assert left_behind(forkserver) == []


@pytest.mark.parametrize(
    "statement",
    ["bytearray(20 << 30)", "open('big', 'wb').write(bytes(100 << 20))", "[open(f'f{i}', 'w') for i in range(20000)]"],
    ids=["memory", "disk", "files"],
)
def test_memory_disk_and_open_files_are_limited(forkserver: Forkserver, statement: str) -> None:
    assert run(forkserver, tried(statement)) is False


@pytest.fixture
def sleeper() -> Iterator[Any]:
    """A forkserver of its own, whose only student sleeps; and what came of it."""
    with Forkserver() as forkserver:
        ready, outcome = threading.Event(), []

        def ask() -> None:
            try:
                with forkserver.student(limits=Limits(seconds=20)) as student:
                    ready.set()
                    student.run("import time\ntime.sleep(2)\nresult = 'woke up'")
                    outcome.append(student.fetch("result"))
            except Exception as error:
                outcome.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert ready.wait(60)
        process = psutil.Process(forkserver.pid)
        (supervisor,) = process.children()
        (student,) = supervisor.children()
        yield process, supervisor, student, thread, outcome


def has_ended(process: psutil.Process) -> bool:
    """Tell whether a process is gone within a second, or waits for an init that takes no notice."""
    end = time.monotonic() + 1
    try:
        while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
            time.sleep(0.01)
    except psutil.NoSuchProcess:
        return True
    return bool(process.status() == psutil.STATUS_ZOMBIE)


def test_killed_supervisor_ends_the_student_and_is_a_grader_error(sleeper: Any) -> None:
    _, supervisor, student, thread, outcome = sleeper
    supervisor.kill()
    assert has_ended(student)
    thread.join()
    assert isinstance(outcome[0], GraderError)


def test_student_finishes_after_its_forkserver_is_killed(sleeper: Any) -> None:
    forkserver, _, student, thread, outcome = sleeper
    forkserver.kill()
    thread.join()
    assert outcome == ["woke up"]
    assert has_ended(student)


def test_student_sees_only_its_own_process(forkserver: Forkserver) -> None:
    assert run(forkserver, "import os\nresult = os.getpid(), os.getppid()") == (1, 0)


@pytest.mark.usefixtures("needs_user_namespaces")
def test_kernel_that_forbids_namespaces_is_named_as_the_obstacle() -> None:
    ask = "from coursegrader import sandbox; print(sandbox.obstacle())"
    done = subprocess.run([*NO_NAMESPACES, sys.executable, "-c", ask], capture_output=True, encoding="utf-8")
    assert "sudo sysctl -w user.max_user_namespaces=15000" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"kernel.apparmor_restrict_unprivileged_userns": "1"}, ["kernel.apparmor_restrict_unprivileged_userns=0"]),
        ({"kernel.unprivileged_userns_clone": "0"}, ["kernel.unprivileged_userns_clone=1"]),
        (
            {"kernel.apparmor_restrict_unprivileged_userns": "1", "user.max_user_namespaces": "0"},
            ["user.max_user_namespaces=15000", "kernel.apparmor_restrict_unprivileged_userns=0"],
        ),
        ({"kernel.unprivileged_userns_clone": "1", "user.max_user_namespaces": "90000"}, []),
        ({}, []),
    ],
)
def test_setting_that_forbids_namespaces_is_explained_with_its_remedy(
    tmp_path: Path, settings: Any, expected: Any
) -> None:
    for name, value in settings.items():
        file = tmp_path / name.replace(".", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(value + "\n", encoding="utf-8")
    error = "Traceback (most recent call last):\nOSError: [Errno 38] mount_setattr: Function not implemented\n"
    explanation = sandbox.explain_failure(error, tmp_path)
    assert re.findall(r"sudo sysctl -w (\S+\d)", explanation) == expected
    assert explanation.startswith("OSError: [Errno 38] mount_setattr: Function not implemented") != bool(expected)


@pytest.mark.usefixtures("needs_user_namespaces")
@pytest.mark.parametrize(("ci", "outcome"), [("", "1 passed, 2 skipped"), ("true", "1 passed, 2 errors")])
def test_isolation_tests_are_skipped_locally_and_fail_in_ci(ci: str, outcome: str, tmp_path: Path) -> None:
    names = ["test_ordinary_code_runs", "test_network_is_unreachable"]
    chosen = [f"{__file__}::{name}" for name in names]
    chosen.append(
        os.path.join(os.path.dirname(__file__), "test_times.py::test_time_that_clocks_showed_twice_is_the_first")
    )
    options = ["-p", "no:cacheprovider", "--basetemp", str(tmp_path / "tests")]
    command = [*NO_NAMESPACES, sys.executable, "-m", "pytest", *options, *chosen]
    quick = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # to import plugins takes seconds
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=os.environ | quick | {"CI": ci})
    assert outcome in done.stdout
    assert "isolation cannot be tested here: user.max_user_namespaces is 0" in done.stdout
    assert done.stdout.count("skipped 2: isolation") == (not ci)


def test_folder_of_a_student_is_empty_in_a_course_below_tmp(
    package_below_tmp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", package_below_tmp)
    with Forkserver() as forkserver:
        package, files = run(forkserver, "import coursegrader, os\nresult = coursegrader.__file__, os.listdir('.')")
    assert package == f"{package_below_tmp}/coursegrader/__init__.py"
    assert files == []


def test_answer_can_read_a_package_of_the_course_and_shares_what_it_preloads(
    package_below_tmp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaded once in the forkserver, not once for each question."""
    monkeypatch.setenv("PYTHONPATH", package_below_tmp)
    code = "from a_course import data, later\nresult = [id(data.load()), data.load()[0], later.VALUE]"
    items = ["a_course", "a_course.data", "a_course.data:load"]
    with Forkserver() as forkserver:
        first, second = (run(forkserver, code, items=items) for _ in range(2))
    assert first == second
    assert first[2] == 3


def test_answer_cannot_read_a_package_that_the_course_does_not_import(
    package_below_tmp: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", package_below_tmp)
    with Forkserver() as forkserver:
        assert run(forkserver, "try:\n    import a_course\nexcept ImportError:\n    result = 'none'") == "none"


# Other users than root with all its rights, and how to become one, as root. Nobody is the ordinary user.
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"
USERS = {
    "ordinary user": NOBODY,
    "root of a user namespace": f"{NOBODY} unshare -Ur",
    "root that may not mount": "setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin",
}


def as_user(user: str, folder: Path) -> list[str]:
    """Return a command that runs what follows it as one of `USERS`, who can read Python wherever it is."""
    paths = dict.fromkeys([sys.base_prefix, sys.prefix, str(Path(__file__).parents[2])])
    parents = [parent for path in paths for parent in reversed(Path(path).parents)]
    hidden = next((str(parent) for parent in parents if not parent.stat().st_mode & 1), None)
    steps = ["set -e"]
    if hidden:
        moved = {path: folder / str(number) for number, path in enumerate(paths) if Path(path).is_relative_to(hidden)}
        steps += [f"mkdir -p '{place}'; mount --bind '{path}' '{place}'" for path, place in moved.items()]
        steps += [f"mount -t tmpfs -o mode=755 none '{hidden}'"]
        steps += [f"mkdir -p '{path}'; mount --bind '{place}' '{path}'" for path, place in moved.items()]
    return ["unshare", "-m", "sh", "-c", "; ".join([*steps, f'exec {USERS[user]} "$@"']), "sh"]


@pytest.fixture(params=USERS)
def other_user(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, list[str]]:
    """One of `USERS`, and a command to run what follows it as that."""
    if not sandbox.find_users():
        pytest.skip("only root can become other users; an ordinary user runs all the other tests as one")
    request.getfixturevalue("needs_user_namespaces")
    command = as_user(request.param, tmp_path)
    if error := subprocess.run([*command, "true"], capture_output=True, encoding="utf-8").stderr:
        pytest.skip(f"root cannot become another user here: {error}")
    return request.param, command


def test_sandbox_holds_for_users_other_than_root(other_user: tuple[str, list[str]]) -> None:
    user, command = other_user
    flood = f"""
import fcntl, os, threading, time
open("own", "w").close()
try:
    fcntl.fcntl(os.open("own", os.O_RDONLY), 1024, fcntl.F_WRLCK)
    lease = "a lease"
except PermissionError:
    lease = "no lease"
started = 0
try:
    for started in range({Limits().threads + 1}):
        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
except RuntimeError:
    pass
result = os.getuid(), lease, started < {Limits().threads}, os.listdir("/"), os.path.exists("/etc")
"""
    ask = f"""
from coursegrader.forkserver import Forkserver
from coursegrader.sandbox import Limits
with Forkserver() as forkserver, forkserver.student(limits=Limits()) as student:
    student.run({flood!r})
    print(*student.fetch("result"))
"""
    done = subprocess.run([*command, sys.executable, "-c", ask], capture_output=True, encoding="utf-8", cwd="/")
    uid, _, rest = done.stdout.partition(" ")
    assert rest.startswith("no lease True ['"), done.stderr
    assert rest.endswith("False\n")
    if user == "root that may not mount":
        assert any(int(uid) in ids for ids in sandbox._USERS)


@pytest.mark.weekly
def test_all_tests_of_the_sandbox_pass_for_an_ordinary_user(tmp_path: Path) -> None:
    if not sandbox.find_users():
        pytest.skip("these tests run as an ordinary user")
    command = [*as_user("ordinary user", tmp_path), "env", "CI=true", "HOME=/tmp", sys.executable, "-m", "pytest"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        options = ["-p", "no:cacheprovider", "--no-cov", "--basetemp", f"{folder}/tests"]
        files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in ("sandbox", "grade", "worker")]
        done = subprocess.run([*command, *options, *files], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout


def test_user_of_a_student_is_nobody_whom_the_machine_knows(tmp_path: Path) -> None:
    ids = range(2_000, 3_000)
    if os.geteuid() == 0:
        ids = sandbox.find_users() or ids
    (tmp_path / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n+::::::\n", encoding="utf-8")
    exist = sandbox._is_unused(ids, "uid", "passwd", tmp_path)
    for file, line in {"passwd": f"ada:x:{ids[5]}:100:Ada:/home/ada:/bin/sh", "subuid": f"ada:{ids[0] - 5}:6"}.items():
        (tmp_path / file).write_text(f"{line}\n", encoding="utf-8")
        assert not sandbox._is_unused(ids, "uid", "passwd", tmp_path)
        (tmp_path / file).unlink()
    assert sandbox._is_unused(ids, "uid", "passwd", tmp_path) == exist


def test_process_ends_at_once_if_its_parent_has_ended_before() -> None:
    code = """
import os, subprocess
from coursegrader import sandbox
parent = subprocess.Popen(["sleep", "9"])
known = os.pidfd_open(parent.pid)
sandbox.die_with_parent(known)
print("alive", flush=True)
parent.kill()
parent.wait()
sandbox.die_with_parent(known)
print("alive")
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout == b"alive\n"


def test_container_that_forbids_namespaces_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    """As Docker does, with a system-call filter; here it is that of the sandbox."""
    code = """
from coursegrader import sandbox
sandbox.find_users = lambda: None
sandbox._drop_privileges(None)
sandbox._forbid_system_calls()
sandbox._try()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    message = sandbox.explain_failure(done.stderr, tmp_path)
    assert message.startswith("PermissionError: [Errno 1] unshare: Operation not permitted; isolation needs Linux 5.12")
    assert message.endswith("in a container the right to create user namespaces")
