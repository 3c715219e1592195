"""The command ``mnist-lessons``: the grader's, with the exercises of this book."""

import sys


def main() -> int:
    """Run the command; return its exit code."""
    try:
        from coursegrader.cli import main as run
    except ModuleNotFoundError as error:
        print(
            f"mnist-lessons: {error}; it comes with the extra `teach`. In a clone of the book, "
            "install it with: pip install ./grader '.[teach]'",
            file=sys.stderr,
        )
        return 1
    return run(program="mnist-lessons", source="book/exercises")


if __name__ == "__main__":
    sys.exit(main())
