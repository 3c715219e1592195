"""The command ``mnist-lessons``: ``verify``, and the grader's, with the exercises of this book."""

import sys

VERIFY = "mnist-lessons verify [CHAPTER ...] runs chapters and compares their numbers with the book's."


def main() -> int:
    """Run the command; return its exit code."""
    if sys.argv[1:2] == ["verify"]:
        from mnist_lessons.verification import main as verify

        return verify(sys.argv[2:])
    if not {*sys.argv[1:2]} - {"-h", "--help"}:
        print(f"{VERIFY} The other commands:\n")
    try:
        from coursegrader.cli import main as run
    except ModuleNotFoundError as error:
        print(
            f"mnist-lessons: {error}; every command but verify comes with the extra `teach`. In a clone of the book, "
            "install it with: pip install ./grader '.[teach]'",
            file=sys.stderr,
        )
        return 1
    return run(program="mnist-lessons", source="book/exercises")


if __name__ == "__main__":
    sys.exit(main())
