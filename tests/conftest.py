"""What all tests share: the browser."""

import os

import pytest

import browser

FOUND = browser.find()
if FOUND:
    os.environ["CHROMIUM"] = FOUND  # for the scripts that drive it


def pytest_configure(config):
    config.addinivalue_line("markers", "browser: needs a browser; skipped where none is installed, but never in CI")


def pytest_collection_modifyitems(config, items):
    asking = [item for item in items if item.get_closest_marker("browser")]
    if FOUND or not asking:
        return
    if os.environ.get("CI"):
        raise pytest.UsageError(browser.NONE)
    for item in asking:
        item.add_marker(pytest.mark.skip(reason=browser.NONE))
