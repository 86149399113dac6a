"""Which rows of a draft are looked at for credentials, and what becomes of one that has some."""

import pytest

from shared.claims.status import ServiceRow
from shared.drafts import CREDENTIAL, Draft, Hold
from shared.history import checksum

FILES = {"values.yaml": b"auth: {password: hunter2-of-the-canary}\n"}
LEAK = {"values": {"auth": {"password": "hunter2-of-the-canary"}}}
THERE = checksum(FILES)

RECORDED: list[tuple[ServiceRow | None, bool, str]] = [
    (ServiceRow(name="db", state="Committed", checksum=THERE), False, "in Git as it is: it was looked at then"),
    (ServiceRow(name="db", state="Committed", checksum=checksum({})), True, "in Git, and not like this"),
    (ServiceRow(name="db", state="Held", checksum=THERE), True, "held until now: it was not looked at to its end"),
    (ServiceRow(name="db", state="Committed"), True, "nobody knows what of it is in Git"),
    (ServiceRow(name="db", checksum=THERE), True, "nobody knows what became of it"),
    (None, True, "a row of whom nobody has heard"),
]


@pytest.mark.parametrize(("recorded", "is_held", "why"), RECORDED, ids=[case[2] for case in RECORDED])
def test_what_is_in_git_already_is_not_looked_at_again(recorded: ServiceRow | None, is_held: bool, why: str) -> None:
    """It would be held for a newer list of what looks like a credential, and Git has it all the same."""
    draft = Draft(folders={"db": dict(FILES)})

    draft.hold_leaks("services", [("db", LEAK)], {"db": recorded} if recorded else {})

    assert ("db" in draft.held) is is_held, why
    assert ("db" not in draft.folders) is is_held, "what is held is not written"
    assert draft.unfit == (["services[0].values.auth.password"] if is_held else [])


def test_a_row_that_is_held_back_already_is_looked_at_all_the_same() -> None:
    """Its spec would be shown in the commit of its neighbours."""
    draft = Draft(folders={"db": dict(FILES)})
    draft.hold_back("db", Hold("ImageNotFound", "no such image"))

    draft.hold_leaks("services", [("db", LEAK)], {"db": ServiceRow(name="db", state="Committed", checksum=THERE)})

    assert draft.held["db"].reason == CREDENTIAL
    assert draft.unfit == ["services[0].values.auth.password"]


def test_neighbours_of_a_held_row_go_on() -> None:
    draft = Draft(folders={"db": dict(FILES), "cache": {"values.yaml": b"replicas: 1\n"}})

    draft.hold_leaks("services", [("cache", {"values": {"replicas": 1}}), ("db", LEAK)], {})

    assert draft.folders.keys() == {"cache"}
    assert draft.unfit == ["services[1].values.auth.password"]
