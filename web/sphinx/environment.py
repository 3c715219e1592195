"""What the programs of this book see of the environment that they are started in.

    python -E web/sphinx/environment.py -m pytest    run Python with these arguments, as the Makefile does

The same sources give the same pages, tables and marks on any machine: whatever its locale, its settings of Keras,
Matplotlib, IPython and Jupyter, a library on PYTHONPATH, or PYTHONOPTIMIZE, which would drop the chapters' assertions.
"""

import os
import sys

from folders import BUILD

ALLOWED = {
    # The machine: where its programs, a person's folder and temporary files are.
    *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR"),
    # The way to other machines, for the tests that install packages.
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    "CI",  # tests that are skipped elsewhere fail in CI
    "MNIST_LESSONS_STORE",  # where trained models are stored, if not in _build/models
}
# Of installers; coverage of subprocesses; what makes an OpenBLAS compute right on a processor that it does not know.
ALLOWED_PREFIXES = ("PIP_", "UV_", "npm_config_", "COVERAGE_", "OPENBLAS_")
SETTINGS = BUILD / "settings"


def environment() -> dict[str, str]:
    """Return the variables that are allowed and those that the book sets: UTF-8 and settings of its own."""
    allowed = {
        name: value for name, value in os.environ.items() if name in ALLOWED or name.startswith(ALLOWED_PREFIXES)
    }
    ours = {
        "PYTHONUTF8": "1",
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(SETTINGS / "keras"),
        "MPLCONFIGDIR": str(SETTINGS / "matplotlib"),
        "IPYTHONDIR": str(SETTINGS / "ipython"),
        "JUPYTER_CONFIG_DIR": str(SETTINGS / "jupyter"),
        "JUPYTER_DATA_DIR": str(SETTINGS / "jupyter"),
    }
    return {"MNIST_LESSONS_STORE": str(BUILD / "models")} | allowed | ours


if __name__ == "__main__":
    os.execve(sys.executable, [sys.executable, *sys.argv[1:]], environment())
