"""Assignments from exercises in MyST notebooks, and a grader whose marks cannot be forged.

A *worker* (`worker`) holds the tests and decides the marks (`grade`). Its *forkserver* (`forkserver`) has imported what
the course needs, and forks one *student process* for each question, sandboxed (`sandbox`). Only JSON and plain arrays
travel between worker and student process (`protocol`). `exercises` reads a course; `assignment` makes from it the
notebook that students get and the file that the grader keeps.

The modules, in the order in which exercises and submissions pass them:

==============================================  ========================================================================
`cli`, `commands`                               the command line
`exercises`, `rubrics`, `variants`, `draws`     read a course, and draw what students and tests get at random
`assignment`, `check`, `mutants`                build an assignment, and check its exercises
`platforms`, `submissions`, `roster`, `times`   archive and class list: who handed in what and when
`answers`, `essays`                             notebook: the cells of each answer, and what a person marks
`runner`, `worker`, `grade`, `calls`            grade a class, a submission, an answer, and describe what it was asked
`forkserver`, `notebook`, `sandbox`, `preload`  the student process, and what is loaded before
`protocol`, `remote`, `frames`, `keras_models`  what travels to and from it
`gradebook`, `files`                            the folder of grades: records, and the marks that follow from them
`marking`, `marking_page`, `marking_server`     let people mark, and remember it in a `journal`
`agreement`, `overrides`                        how well they agree, and points set by hand
`groups`, `dates`                               who shares a mark, and what late work costs
`report`, `items`, `pages`, `feedback`          tables, statistics, pages, and what goes back to platforms
`comparison`, `replay`                          compare two gradings, and run one student's tests again
`similarity`, `similarity_page`                 which answers are alike, by their `fingerprints`
`asking`, `inputs`, `probing`                   run an answer, to ask about it
`questions`, `line_changes`, `forms`            make the questions, write and mark the forms
==============================================  ========================================================================
"""
