"""Assignments from exercises in MyST notebooks, and a grader whose marks cannot be forged.

A *worker* (`worker`) holds the tests and decides the marks (`grade`). Its *forkserver* (`forkserver`) has imported what
the course needs, and forks one *student process* for each question, sandboxed (`sandbox`). Only JSON and plain arrays
travel between worker and student process (`protocol`). `exercises` reads a course; `assignment` makes from it the
notebook that students get and the file that the grader keeps.

The modules, in the order in which a submission passes them:

========================================  ==============================================================================
`cli`, `commands`                         the command line
`platforms`, `submissions`, `roster`      archive and class list: who handed in what
`answers`                                 notebook: the cells of each answer
`runner`, `worker`, `grade`               grade a class, a submission, an answer
`forkserver`, `notebook`, `sandbox`       the student process
`protocol`, `keras_models`, `preload`     what travels to and from it, and what is loaded before
`gradebook`, `report`, `files`            records, marks, tables and pages
`overrides`, `marking`, `journal`         what people decide about answers
`asking`, `inputs`, `probing`             run an answer, to ask about it
`questions`, `line_changes`, `forms`      make the questions, write and mark the forms
========================================  ==============================================================================
"""
