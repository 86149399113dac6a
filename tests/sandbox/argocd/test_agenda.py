"""The agenda: each key once at a time, now or later."""

import threading

from sandbox.argocd.agenda import Agenda


def test_a_key_that_is_wanted_twice_comes_once() -> None:
    agenda: Agenda[str] = Agenda()
    for key in "aba":
        agenda.add(key)
    assert [agenda.take(), agenda.take()] == ["a", "b"]
    agenda.done("a")
    agenda.done("b")
    assert agenda.idle


def test_a_key_that_is_wanted_during_its_work_comes_again_afterwards() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.add("a")
    assert agenda.take() == "a"
    agenda.add("a")
    agenda.add("b")
    assert agenda.take() == "b", "nobody else works on a meanwhile"
    agenda.done("a")
    assert agenda.take() == "a"


def test_later_is_later_and_the_earlier_wish_holds() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.add("slow", 60)
    agenda.add("slow", 0.02)
    agenda.add("slow", 90)
    assert agenda.idle
    assert agenda.take() == "slow"
    agenda.done("slow")
    assert agenda.idle, "the later wishes are forgotten"


def test_closing_lets_those_who_wait_go() -> None:
    agenda: Agenda[str] = Agenda()
    found: list[str | None] = ["?"]
    waiting = threading.Thread(target=lambda: found.append(agenda.take()))
    waiting.start()
    agenda.close()
    waiting.join(5)
    assert found == ["?", None]
