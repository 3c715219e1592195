"""The experiments that are too heavy for each build: their tables are kept in ``mnist_lessons/stored``.

``python -m experiments`` makes them all, ``python -m experiments NAME`` one. A module with a function `main` is an
experiment; the others are what experiments and the benchmark share, `runner` first of all.
"""
