"""Which differences from dnf are on purpose; `deliberate-differences` has the reason of each."""
import os

import judges

REASONS = {}
with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), "deliberate-differences")) as lines:
    for line in lines:
        if line.strip() and not line.startswith("#"):
            name, reason = line.strip().split(":", 1)
            REASONS[name] = reason.strip()


def order_of_group_members(dnf, case, mine):
    if not case["groups"]:
        return False
    with judges.members_in_order():
        return dnf.resolve(case)[0] == mine


def obsoleted_older_versions(dnf, case, mine):
    with judges.newest_obsoleted():
        return dnf.resolve(case)[0] == mine


def stream_alone(dnf, case, mine):
    """dnf refuses such a line, but enables the stream: as if it had been enabled before, and the line were not there."""
    alone = [one for one in case["modules"] if ":" in one and "/" not in one]
    return bool(alone) and dnf.resolve(case, without=alone)[0] == mine


TESTS = {
    "order-of-group-members": order_of_group_members,
    "obsoleted-older-versions": obsoleted_older_versions,
    "stream-alone": stream_alone,
}


def deliberate(dnf, case, mine):
    """The name of the deliberate difference that a case shows, or None."""
    for name, test in TESTS.items():
        if test(dnf, case, mine):
            return name
    return None


assert set(TESTS) == set(REASONS), "deliberate-differences and differences.py do not list the same"
