"""Attacks and honest mistakes, each with the mark it must get."""

import dataclasses

import pytest

from mnist_lessons.grading.answers import Answer
from mnist_lessons.grading.grade import grade_answer, grade_submission
from mnist_lessons.grading.submissions import Submission

RIGHT = object()


def score(exercise, code, zygote, *, seconds=None):
    """Return the points of an answer; RIGHT in a tuple stands for the solution."""
    if seconds:
        exercise = dataclasses.replace(exercise, seconds=seconds)
    parts = code if isinstance(code, tuple) else (code,)
    text = "\n".join(exercise.solution if part is RIGHT else part for part in parts)
    return sum(test["points"] for test in grade_answer(exercise, Answer((text,)), zygote))


# name: exercise, code, points
HONEST = {
    "right": ("model-softmax", RIGHT, 4),
    "prints": ("model-softmax", ("print('hello ' * 100)", RIGHT, "print(softmax(np.ones((2, 3))))"), 4),
    "warns": ("model-softmax", (RIGHT, "import warnings\nwarnings.warn('careful')\nnp.log(np.zeros(1))"), 4),
    "writes to stderr": ("model-softmax", ("import sys\nprint('note', file=sys.stderr)", RIGHT), 4),
    "plots": ("model-softmax", (RIGHT, "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"), 4),
    "displays": ("model-softmax", (RIGHT, "display(softmax(np.ones((2, 3))))"), 4),
    "overflows": ("model-softmax", "def softmax(s):\n    e = np.exp(s)\n    return e / e.sum(axis=1)[:, None]", 3),
    "sums over the wrong axis": ("model-softmax", "def softmax(s):\n    e = np.exp(s)\n    return e / e.sum(axis=0)", 0),
    "sums over everything": ("model-softmax", "def softmax(s):\n    e = np.exp(s)\n    return e / e.sum()", 0),
    "takes the wrong base": ("model-softmax", "def softmax(s):\n    e = 2.0 ** s\n    return e / e.sum(1)[:, None]", 1),
    "transposes": ("model-softmax", (RIGHT, "f = softmax\ndef softmax(s):\n    return f(s).T"), 0),
    "hard-codes the visible test": (
        "model-softmax",
        "def softmax(s):\n    return np.array([[0.09, 0.24, 0.67], [1/3, 1/3, 1/3]])",
        1,
    ),
    "misspells the name": ("model-softmax", "def soft_max(s):\n    return s", 0),
    "has a syntax error": ("model-softmax", "def softmax(s):\n    return (s", 0),
    "leaks test statistics": (
        "data-leak",
        "def standardize(a, b):\n    x = np.concatenate([a, b]).astype(float)\n"
        "    m, s = x.mean(axis=0), x.std(axis=0) + 1\n    return (a - m) / s, (b - m) / s",
        0,
    ),
    "standardizes each set by itself": (
        "data-leak",
        "def standardize(a, b):\n    return tuple((x - x.mean(axis=0)) / (x.std(axis=0) + 1.0) for x in (a, b))",
        1,
    ),
    "flips the kernel": (
        "cnn-convolve",
        (RIGHT, "f = convolve\ndef convolve(image, kernel):\n    return f(image, kernel[::-1, ::-1])"),
        0,
    ),
    "is off by one": ("cnn-size", "def output_size(n, k, s, p):\n    return -(-n // s) if p == 'same' else (n - k) // s", 0),
    "model is right": ("compile-model", RIGHT, 4),
    "loss for probabilities": ("compile-model", ("K = keras.losses\n", RIGHT, "f = compiled\ndef compiled(one_hot, r):\n    m = f(one_hot, r)\n    m.compile(keras.optimizers.SGD(r), 'categorical_crossentropy' if one_hot else 'sparse_categorical_crossentropy', metrics=['accuracy'])\n    return m"), 1),
    "always the same loss": (
        "compile-model",
        (RIGHT, "f = compiled\ndef compiled(one_hot, learning_rate):\n    return f(False, learning_rate)"),
        1,
    ),
    "adds a softmax": (
        "compile-model",
        (RIGHT, "f = compiled\ndef compiled(o, r):\n    m = f(o, r)\n    m.add(keras.layers.Softmax())\n    return m"),
        1,
    ),
    "wrong optimizer": (
        "compile-model",
        (RIGHT, "f = compiled\ndef compiled(o, r):\n    m = f(o, r)\n    m.compile('adam', m.loss)\n    return m"),
        0,
    ),
}  # fmt: skip

FORGED = {
    "patches what tests use": (
        "model-softmax",
        "import builtins\nnp.allclose = np.all = np.testing.assert_allclose = lambda *a, **k: True\n"
        "builtins.abs = builtins.len = builtins.isinstance = lambda *a: True\n"
        "def softmax(s):\n    return s",
        0,
    ),
    "patches the grader": (
        "model-softmax",
        "import mnist_lessons.grading.exchange as e, mnist_lessons.grading.grade as g\n"
        "g._run_test = lambda *a: None\ne._encode = lambda *a: True\ne.MAX_BYTES = 0\ndef softmax(s):\n    return s",
        0,
    ),
    "array that equals everything": (
        "model-softmax",
        "class Yes(np.ndarray):\n    def __eq__(self, other): return True\n    def __bool__(self): return True\n"
        "    def __array_ufunc__(self, *a, **k): return True\n    def __array_function__(self, *a, **k): return True\n"
        "def softmax(s):\n    return np.asarray(s).view(Yes)",
        0,
    ),
    "object that equals everything": (
        "model-softmax",
        "class Yes:\n    shape = (2, 3)\n    def __eq__(self, other): return True\n    def __getattr__(self, name): return self\n"
        "    def __call__(self, *a, **k): return self\n    def __array__(self, *a, **k): return self\n"
        "def softmax(s):\n    return Yes()",
        0,
    ),
    "array of objects": ("model-softmax", "def softmax(s):\n    return np.array([[print] * 3] * 2, dtype=object)", 0),
    "pickle": (
        "model-softmax",
        "import os\nclass P:\n    def __reduce__(self): return os.system, ('touch /tmp/forged',)\ndef softmax(s):\n    return P()",
        0,
    ),
    "answers ahead": (
        "model-softmax",
        "import os, struct\ntext = b'{\"value\": true}'\nos.write(3, (struct.pack('>I', len(text)) + text) * 50)\n"
        "def softmax(s):\n    return s",
        0,
    ),
    "writes marks everywhere": (
        "model-softmax",
        "import os\nfor d in range(50):\n    try: os.write(d, b'{\"points\": 100, \"score\": 100}')\n    except OSError: pass\n"
        "open('results.json', 'w').write('{\"score\": 100}')\nprint('score: 100')\ndef softmax(s):\n    return s",
        0,
    ),
    "raises what tests raise": ("model-softmax", "def softmax(s):\n    raise AssertionError", 0),
    "raises StopIteration": ("model-softmax", "def softmax(s):\n    raise StopIteration", 0),
    "raises an error of its own": ("model-softmax", "class E(Exception): pass\ndef softmax(s):\n    raise E('passed')", 0),
    "exits in the call": ("model-softmax", "def softmax(s):\n    raise SystemExit(0)", 0),
    "dies in the call": ("model-softmax", "import os\ndef softmax(s):\n    os._exit(0)", 0),
    "huge answer": ("model-softmax", "def softmax(s):\n    return np.zeros((20_000, 1000))", 0),
    "deep answer": ("model-softmax", "def softmax(s):\n    x = []\n    for _ in range(5000): x = [x]\n    return x", 0),
    "huge shape": ("model-softmax", "def softmax(s):\n    return np.broadcast_to(0.0, (10**6, 10**6))", 0),
    "nan": ("model-softmax", "def softmax(s):\n    return np.full_like(s, np.nan)", 0),
    "reads the test from its caller": (
        "model-softmax",
        "import sys, inspect\ndef softmax(s):\n    f = sys._getframe(1)\n    while f:\n        expected = f.f_locals.get('expected')\n"
        "        if expected is not None: return expected\n        f = f.f_back",
        0,
    ),
    "reads the exercises": (
        "model-softmax",
        "import glob\nfor f in glob.glob('/**/exercises/*.md', recursive=True): exec(open(f).read())\n"
        "for f in glob.glob('/**/assignment.json', recursive=True): exec(open(f).read())\nsoftmax",
        0,
    ),
    "custom layer": (
        "compile-model",
        (
            RIGHT,
            "class Yes(keras.layers.Dense):\n    def __call__(self, x): return x\n"
            "def compiled(o, r):\n    return keras.Sequential([keras.Input((28, 28)), Yes(10)])",
        ),
        0,
    ),
    "lambda layer": (
        "compile-model",
        (
            RIGHT,
            "def compiled(o, r):\n    m = keras.Sequential([keras.Input((28, 28)), keras.layers.Lambda(lambda x: x)])\n"
            "    m.compile('sgd', 'mse')\n    return m",
        ),
        0,
    ),
    "custom loss": (
        "compile-model",
        (
            RIGHT,
            "f = compiled\ndef compiled(o, r):\n    m = f(o, r)\n"
            "    m.compile(keras.optimizers.SGD(r), lambda y, p: 0 * p, metrics=['accuracy'])\n    return m",
        ),
        0,
    ),
    "model that lies about itself": (
        "compile-model",
        (
            RIGHT,
            "class Lie(keras.Sequential):\n    def count_params(self): return 7850\n    def get_config(self): return {}\n"
            "def compiled(o, r):\n    m = Lie([keras.Input((28, 28)), keras.layers.Dense(1)])\n    m.compile('sgd', 'mse')\n    return m",
        ),
        0,
    ),
    "not a model": (
        "compile-model",
        "class M:\n    layers = []\n    def get_weights(self): return []\n    def count_params(self): return 7850\n"
        "def compiled(o, r):\n    return M()",
        0,
    ),
}

ENDLESS = {
    "at the top": "while True: pass",
    "in a call": "def softmax(s):\n    while True: pass",
    "in a call, ignoring signals": "import signal\nfor s in (1, 2, 15, 24): signal.signal(s, signal.SIG_IGN)\n"
    "def softmax(s):\n    while True: pass",
    "answering slowly": "import os, time\ntime.sleep(1)\nfor _ in range(10**9):\n    os.write(3, b'\\0'); time.sleep(0.1)",
    "printing": "def softmax(s):\n    while True: print('x' * 10**6)",
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_answers_get_what_they_deserve(name, exercises, zygote):
    exercise, code, points = HONEST[name]
    assert score(exercises[exercise], code, zygote) == points


@pytest.mark.usefixtures("needs_isolation")
@pytest.mark.parametrize("name", FORGED)
def test_no_point_can_be_forged(name, exercises, zygote):
    exercise, code, points = FORGED[name]
    assert score(exercises[exercise], code, zygote) == points
    assert score(exercises["model-merge"], RIGHT, zygote) == 3, "the next answer is graded as ever"


@pytest.mark.parametrize("name", ENDLESS)
def test_what_does_not_end_is_ended(name, exercises, zygote):
    assert score(exercises["model-softmax"], ENDLESS[name], zygote, seconds=2) == 0


def test_every_test_says_why_it_failed(exercises, zygote):
    overflows = "def softmax(s):\n    e = np.exp(s)\n    return e / e.sum(axis=1)[:, None]"
    visible, formula, extreme = grade_answer(exercises["model-softmax"], Answer((overflows,)), zygote)
    assert (visible["message"], formula["message"]) == ("", "")
    assert extreme["message"] == "Expected: large and small scores neither overflow nor vanish"

    (visible, *_) = grade_answer(exercises["model-softmax"], Answer(("def softmax(s):\n    return 1 / 0",)), zygote)
    assert visible["message"] == "The test stopped with ZeroDivisionError: division by zero (line 2 of the answer)"


def test_no_hidden_line_is_in_a_message(exercises, zygote):
    exercise = exercises["model-softmax"]
    hidden = {line.strip() for test in exercise.tests if test.hidden for line in test.code.splitlines()}
    for code in ("def softmax(s):\n    return 0", "def softmax(s):\n    return s", "softmax = 5", "1 / 0"):
        for test in grade_answer(exercise, Answer((code,)), zygote):
            assert not any(line in test["message"] for line in hidden if len(line) > 20)


def test_a_file_that_is_no_notebook_still_gets_a_record(exercises, zygote):
    record = grade_submission(Submission("ada", b"%PDF"), [exercises["model-softmax"]], zygote)
    assert (record["student"], record["score"], record["max_score"]) == ("ada", 0, 4)
    assert record["problem"].startswith("The file is not a notebook")
