"""Which differences from dnf are on purpose; `deliberate-differences` has the reason of each."""
import os

REASONS = {}
with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "deliberate-differences")) as lines:
    for line in lines:
        if line.strip() and not line.startswith("#"):
            name, reason = line.strip().split(":", 1)
            REASONS[name] = reason.strip()

TESTS = {}


def deliberate(case, mine, theirs, reason):
    """The name of the deliberate difference that a case shows, or None."""
    for name, test in TESTS.items():
        if test(case, mine, theirs, reason):
            return name
    return None


assert set(TESTS) == set(REASONS), "deliberate-differences and differences.py do not list the same"
