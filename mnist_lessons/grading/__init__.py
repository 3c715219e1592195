"""Assignments from the book's exercises, and a grader whose marks cannot be forged.

Two processes do the grading. The *grader* (`grade`) holds the tests and decides; the *zygote* (`zygote`) has imported
Keras and forks one *student* process for each question, inside namespaces of its own (`sandbox`). Between them travel
JSON and plain arrays only (`exchange`). Exercises are MyST notebooks (`source`), from which `release` makes what
students get and what the grader keeps.
"""
