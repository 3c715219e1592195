"""How alike independent right answers to the book's exercises are, which the page of equal code quotes."""

import itertools
import statistics

from test_book_exercises import EXERCISES, RIGHT

from coursegrader.fingerprints import fingerprint
from coursegrader.similarity import BASELINES, baseline, compare


def measure() -> dict[int, list[float]]:
    """Return the shares of equal code of all pairs of answers to one exercise, by the length of the shorter one."""
    codes = {name: [exercise.solution] for name, exercise in EXERCISES.items()}
    for parameter in RIGHT:
        codes[parameter.values[0]].append(parameter.values[1])
    shares: dict[int, list[float]] = {}
    for name, answers in codes.items():
        for one, other in itertools.combinations(answers, 2):
            pair = {
                work: {"questions": [{"id": name, "title": "", "answer": code}]}
                for work, code in (("one", one), ("other", other))
            }
            (question,) = compare(pair, [EXERCISES[name]]).questions
            words = min(len(fingerprint(one).words), len(fingerprint(other).words))
            shares.setdefault(baseline(words).words, []).append(question.share("one", "other")[0])
    return {words: sorted(found) for words, found in shares.items()}


def test_independent_answers_are_as_alike_as_the_page_says() -> None:
    shares = measure()
    found = {
        words: [statistics.median(ones), *(ones[int(part * (len(ones) - 1))] for part in (0.9, 0.99, 1))]
        for words, ones in shares.items()
    }
    assert sum(map(len, shares.values())) >= 400
    for known in BASELINES:
        assert abs(len(shares[known.words]) - known.pairs) <= 0.2 * known.pairs, "measured again: change BASELINES"
        differences = [abs(one - other) for one, other in zip(found[known.words], known.shares, strict=True)]
        assert max(differences) <= 0.05, (known, found[known.words])
