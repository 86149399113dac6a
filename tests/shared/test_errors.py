"""The tree of errors: what a function does about each, and addresses that may be shown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import errors
from shared.errors import InfraForgeError, PermanentError, TransientError, Waiting, without_credentials

KINDS = [
    (errors.InvalidClaim, PermanentError),
    (errors.Forbidden, PermanentError),
    (errors.NotBootstrapped, Waiting),
    (errors.GiteaUnavailable, TransientError),
    (errors.PushRejected, TransientError),
    (errors.KubeUnavailable, TransientError),
    (errors.KubeConflict, TransientError),
    (errors.RegistryUnavailable, TransientError),
    (errors.InvalidEvent, InfraForgeError),
]


@pytest.mark.parametrize(("kind", "parent"), KINDS, ids=[case[0].__name__ for case in KINDS])
def test_the_tree(kind: type[InfraForgeError], parent: type[InfraForgeError]) -> None:
    """Retryability is a type; the reason is the type's name unless said, in PascalCase for conditions."""
    error = kind("message")
    assert isinstance(error, parent)
    assert sum(isinstance(error, one) for one in (PermanentError, Waiting, TransientError)) <= 1
    assert (error.reason, str(error)) == (kind.__name__, "message")
    assert kind("message", reason="Special").reason == "Special"


def test_a_transient_error_says_when_to_come_back() -> None:
    assert TransientError("m").retry_after == 5
    assert TransientError("m", retry_after=60).retry_after == 60


ADDRESSES = [
    ("https://git.example.com:3000/o/r.git", "https://git.example.com:3000/o/r.git", "nothing to hide"),
    ("https://user:secret@git.example.com/o", "https://git.example.com/o", "user and password"),
    ("https://secret@git.example.com/o", "https://git.example.com/o", "a token as the user"),
    ("https://a@b:secret@git.example.com/o", "https://git.example.com/o", "an @ in the password"),
    ("https://git.example.com/o?token=secret#secret", "https://git.example.com/o", "query and fragment"),
    ("/api/v1/repos?token=secret", "/api/v1/repos", "a path"),
    ("user:secret@git.example.com:o/r", "git.example.com:o/r", "no scheme: what ssh takes"),
    ("http://[secret", "an address that cannot be read", "no address"),
    ("", "", "nothing"),
]


@pytest.mark.parametrize(("url", "shown", "why"), ADDRESSES, ids=[case[2] for case in ADDRESSES])
def test_an_address_as_it_may_be_shown(url: str, shown: str, why: str) -> None:
    assert shown == without_credentials(url), why


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_asked_about(text: str) -> None:
    """It is called while another error is being told: it must not raise."""
    without_credentials(text)
    without_credentials(f"http://{text}")
