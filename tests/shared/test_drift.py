"""What strangers did: who, when, what, and when it is no drift at all."""

from collections.abc import Callable

import pytest

from shared.drift import MAX_ASKED, Drift, explain
from shared.history import PastCommit

CLAIM = "PlatformClaim/dev/p"
EVE = PastCommit("e" * 40, "2026-01-02T00:00:00+00:00", "Eve <eve@x>")
BOB = PastCommit("b" * 40, "2026-01-01T00:00:00+00:00", "Bob <bob@x>")


def ours(generation: int, claim: str = CLAIM) -> PastCommit:
    return PastCommit(f"{generation}" * 40, "2026-01-03T00:00:00+00:00", "InfraForge <i@x>", claim, generation)


def asked(**found: PastCommit) -> Callable[[str], PastCommit | None]:
    return found.get


CASES = [
    (asked(a=EVE), [EVE], "one stranger"),
    (asked(a=BOB, b=EVE), [EVE, BOB], "two strangers, the latest first"),
    (asked(a=EVE, b=EVE), [EVE], "one commit that changed both"),
    (asked(a=EVE, b=ours(3)), [EVE], "one path of which our own commit is still the last"),
    (asked(), [], "a rewritten history: the branch no longer has what was written to it"),
    (asked(a=ours(3)), [], "the same, back to an older commit of ours"),
    (asked(a=ours(2)), [], "and to one that is older yet"),
    (asked(a=ours(9, "ApplicationClaim/dev/p")), [], "another claim's later generation explains nothing"),
    (asked(a=ours(4)), None, "a later generation of this claim, whose status was never written"),
    (asked(a=EVE, b=ours(4)), None, "that as well, though a stranger was there too: restored, and not told"),
]


@pytest.mark.parametrize(("ask", "commits", "why"), CASES, ids=[case[2] for case in CASES])
def test_explain(ask: Callable[[str], PastCommit | None], commits: list[PastCommit] | None, why: str) -> None:
    drift = explain({"b", "a"}, ask, CLAIM, generation=3)
    expected = None if commits is None else Drift(["a", "b"], commits)
    assert drift == expected, why


def test_the_entry_in_the_history() -> None:
    entry = Drift(["a", "b"], [EVE, BOB]).entry("restoring", "2026-11-23T12:00:00Z")
    assert entry.model_dump() == {
        "time": "2026-11-23T12:00:00Z",
        "reason": "Drifted",
        "message": "a, b: changed by eeeeeeeeeeee (Eve <eve@x>), bbbbbbbbbbbb (Bob <bob@x>); restored",
        "commit": EVE.sha,
        "author": EVE.author,
        "restored": "restoring",
    }


def test_a_commit_that_nobody_knows_is_left_out() -> None:
    entry = Drift(["a"], []).entry("restoring", "now")
    assert (entry.commit, entry.author) == (None, None)
    assert entry.message == ("a: changed by rewriting the branch: it no longer holds what was written to it; restored")


def test_many_paths_are_counted_and_few_are_asked_for() -> None:
    """Each costs a request to Gitea."""
    counted: list[str] = []

    def ask(path: str) -> PastCommit:
        counted.append(path)
        return EVE

    drift = explain((f"p{number:03}" for number in range(500)), ask, CLAIM, generation=1)
    assert drift is not None
    assert len(counted) == MAX_ASKED
    assert "p009 and 490 more: changed by" in drift.message
    assert len(drift.paths) == 500


def test_an_authors_name_without_end_fits_the_schema() -> None:
    """Git takes any; a status that is refused would leave the claim without any."""
    long = PastCommit("e" * 40, "2026", f"{'E' * 5000} <e@x>")
    entry = Drift([f"{number}{'a' * 5000}" for number in range(10)], [long]).entry(None, "now")
    assert len(entry.author or "") == 256
    assert len(entry.message) == 1024


HOSTILE = [
    ("\x1b[31mred", "\ufffd[31mred", "a terminal's command"),
    ("a\u202eb", "a\ufffdb", "text that runs backwards"),
    ("a\nb", "a\ufffdb", "a line of its own"),
    ("\udcff", "\ufffd", "a byte that is not of UTF-8"),
]


@pytest.mark.parametrize(("text", "shown", "why"), HOSTILE, ids=[case[2] for case in HOSTILE])
def test_whoever_names_files_and_authors_writes_to_no_terminal(text: str, shown: str, why: str) -> None:
    """Both are any bytes in Git, and end up in a status, in an Event and in a commit."""
    drift = Drift([f"folder/{text}"], [PastCommit("e" * 40, "2026", f"{text} <e@x>")])
    entry = drift.entry(None, "now")
    assert entry.author == f"{shown} <e@x>", why
    assert drift.message == f"folder/{shown}: changed by {'e' * 12} ({shown} <e@x>)", why


def test_what_is_no_text_is_asked_for_by_its_folder() -> None:
    """An address holds UTF-8 alone."""
    asked: list[str] = []
    explain(["a/b", "a/\udcff", "a/\udcff/b", "\udcff"], asked.append, "K/n/c", 1)
    assert asked == ["a/b", "a", ""]
