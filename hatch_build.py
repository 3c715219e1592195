"""Let the package carry what `mnist-lessons verify` compares with, where the book was built."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BOOK = "verify.json"


class CarryBook(BuildHookInterface):
    """Adds the file that the book's build has written."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the file to put into the wheel or the source archive."""
        file = Path(self.root, "_build", "html", BOOK)
        if file.is_file():
            build_data["force_include"][str(file)] = f"mnist_lessons/{BOOK}"
