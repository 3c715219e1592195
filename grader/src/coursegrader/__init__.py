"""Assignments from exercises in MyST notebooks, and a grader whose marks cannot be forged.

A *worker* (`worker`) holds the tests and decides the marks (`grade`). Its *forkserver* (`forkserver`) has imported what
the course needs, and forks one *student process* for each question, sandboxed (`sandbox`). Only JSON and plain arrays
travel between worker and student process (`protocol`). `exercises` reads a course; `assignment` makes from it the
notebook that students get and the file that the grader keeps.
"""
