import os
import socket
import subprocess
import sys

import psutil
import pytest

from mnist_lessons.grading import sandbox
from mnist_lessons.grading.sandbox import Limits
from mnist_lessons.grading.zygote import StudentError

pytestmark = pytest.mark.usefixtures("needs_isolation")


def run(zygote, code, *, ask="result", seconds=20):
    """Run code as a student and return what it left under a name."""
    with zygote.student([(code, True)], limits=Limits(seconds=seconds)) as student:
        student.run()
        return student.fetch(ask)


def tried(statement):
    """Return code that leaves in `result` whether a statement raised no OSError."""
    attempt = f"try:\n    {statement}\n    result = True\nexcept (OSError, MemoryError):\n    result = False"
    return f"import os, socket\n{attempt}"


def left_behind(zygote):
    """Return the processes that outlive a question; the warden gets a moment to end."""
    processes = psutil.Process(zygote._process.pid).children(recursive=True)
    return psutil.wait_procs(processes, timeout=5)[1]


def test_ordinary_code_runs(zygote):
    assert run(zygote, "import json, wave\nresult = len(json.dumps([1, 2]))") == 6


@pytest.mark.parametrize("folder", ["/etc", "/var", "/proc/1", "/sys", os.path.dirname(__file__)])
def test_what_is_not_python_is_not_there(zygote, folder):
    assert run(zygote, tried(f"os.listdir({folder!r})")) is False


def test_a_file_outside_can_be_neither_read_nor_written(zygote, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("kept")
    assert run(zygote, tried(f"open({str(secret)!r}).read()")) is False
    run(zygote, tried(f"os.makedirs({str(tmp_path)!r}, exist_ok=True); open({str(secret)!r}, 'w').write('forged')"))
    assert secret.read_text() == "kept"


@pytest.mark.parametrize("path", [os.path.dirname(sandbox.__file__), sys.prefix, "/usr"])
def test_what_is_there_is_read_only(zygote, path):
    assert run(zygote, tried(f"open({path + '/forged'!r}, 'w')")) is False
    assert not os.path.exists(path + "/forged")


def test_files_of_one_student_are_gone_for_the_next(zygote):
    run(zygote, "open('left', 'w').write('x')\nresult = 1")
    assert run(zygote, "import os\nresult = os.listdir('.')") == []


def test_no_network(zygote):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert run(zygote, tried(f"socket.create_connection(('127.0.0.1', {port}), timeout=2)")) is False
    names = run(zygote, "import socket\nresult = [name for _, name in socket.if_nameindex()]")
    assert set(names) <= {"lo", "tunl0", "sit0"}


@pytest.mark.parametrize(
    "statement",
    [
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "__import__('subprocess').run(['true'])",
        "__import__('ctypes').CDLL(None, use_errno=True).unshare(0x10000000) == 0 or os.kill(999999, 0)",
        "os.memfd_create('x')",
        "os.setuid(0)",
        "os.kill(os.getppid() or 999999, 9)",
    ],
)
def test_no_new_process_no_new_rights(zygote, statement):
    assert run(zygote, tried(statement)) is False


def test_threads_are_allowed(zygote):
    assert run(zygote, "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()\nresult = 1") == 1


def test_no_capabilities_and_nobody_for_a_user(zygote):
    header = "struct.pack('Ii', 0x20080522, 0)"
    code = f"import ctypes, os, struct\nd = ctypes.create_string_buffer(24)\nctypes.CDLL(None).capget({header}, d)\n"
    assert run(zygote, code + "result = any(d.raw)") is False
    assert run(zygote, "import os\nresult = os.getuid()") != 0 or os.geteuid() == 0


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
def test_everything_ends(zygote, code):
    with pytest.raises(StudentError):
        run(zygote, code, seconds=2)
    assert left_behind(zygote) == []


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
def test_whoever_ends_or_forges_gets_an_error(zygote, code):
    with pytest.raises(StudentError):
        run(zygote, code)
    assert left_behind(zygote) == []


@pytest.mark.parametrize(
    "statement",
    ["bytearray(20 << 30)", "open('big', 'wb').write(bytes(100 << 20))", "[open(f'f{i}', 'w') for i in range(20000)]"],
    ids=["memory", "disk", "files"],
)
def test_memory_and_disk_have_an_end(zygote, statement):
    assert run(zygote, tried(statement)) is False


def test_a_student_sees_no_process_but_its_own(zygote):
    assert run(zygote, "import os\nresult = os.getpid(), os.getppid()") == (1, 0)


def test_works_for_ordinary_users_too():
    """As root, become nobody first; the system's own Python is the one that nobody can read everywhere."""
    if os.geteuid() != 0 or not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("this is about root with a Python in /usr")
    source = os.path.dirname(os.path.dirname(os.path.dirname(sandbox.__file__)))
    code = "import sys; sys.path.insert(0, sys.argv[1]); from mnist_lessons.grading import sandbox; sandbox._try()"
    command = ["/usr/bin/python3", "-c", code, source]
    done = subprocess.run(command, user=65534, group=65534, extra_groups=[], cwd="/", capture_output=True, text=True)
    if "PermissionError" in done.stderr and "unshare" in done.stderr:
        pytest.skip("this machine lets only root make namespaces")
    if "No module named" in done.stderr or "Permission denied: '/" in done.stderr:
        pytest.skip("nobody cannot read this folder")
    assert done.returncode == 0, done.stderr
