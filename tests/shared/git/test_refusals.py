"""Every text that a real Gitea made Git print, and the network's."""

import json
from pathlib import Path

import pytest

from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, PushRejected, TransientError
from shared.git.refusals import MAX_TEXT, PushDeclined, RepositoryMissing, classify

RECORDINGS = Path(__file__).parents[2] / "recordings" / "gitea" / "git.jsonl"
CASES = {case["case"]: case for case in map(json.loads, RECORDINGS.read_text().splitlines())}
URL = "http://127.0.0.1:3999/infraforge/voltran.git"

EXPECTED: dict[str, tuple[type[InfraForgeError], str]] = {
    "push-non-fast-forward": (PushRejected, "moved on"),
    "push-delete-default-branch": (PushDeclined, "branch main is the default branch and cannot be deleted"),
    "push-wrong-token": (Forbidden, "does not accept the token"),
    "push-no-credentials": (Forbidden, "does not accept the token"),
    "push-missing-repo": (RepositoryMissing, "does not exist"),
    "push-missing-org": (RepositoryMissing, "does not exist"),
    "clone-missing-repo": (RepositoryMissing, "does not exist"),
    "clone-stranger": (RepositoryMissing, "does not exist, or the token may not see it"),
    "clone-no-credentials": (Forbidden, "does not accept the token"),
    "push-readonly-token": (Forbidden, "refuses infraforge/voltran: Forbidden"),
    "push-force-with-lease-stale": (PushRejected, "moved on"),
    "push-race-1": (PushRejected, "moved on"),
    "push-race-2": (PushRejected, "moved on"),
    "push-race-3": (PushRejected, "moved on"),
    "push-pre-receive-policy": (PushDeclined, "policy: files must be signed off"),
    "push-server-down": (GiteaUnavailable, "Failed to connect"),
    "push-protected": (PushDeclined, "Not allowed to push to protected branch main"),
    "push-protected-force": (PushDeclined, "branch main is protected from force push"),
    "push-reader": (PushDeclined, "User permission denied for writing."),
    "push-archived": (Forbidden, "This repo is archived."),
    "push-deleted-repo": (RepositoryMissing, "does not exist"),
    "fetch-deleted-repo": (RepositoryMissing, "does not exist"),
    "push-token-revoked": (Forbidden, "does not accept the token"),
}


def test_every_recorded_failure_is_expected() -> None:
    assert len(CASES) == 49
    assert {name for name, case in CASES.items() if case["rc"]} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recorded_failure_has_its_error(name: str) -> None:
    kind, text = EXPECTED[name]
    error = classify(CASES[name]["stderr"], URL)
    assert type(error) is kind
    assert text in str(error)
    assert "://" not in str(error)


@pytest.mark.parametrize("name", sorted(CASES.keys() - EXPECTED.keys()))
def test_a_recorded_success_is_no_error(name: str) -> None:
    """Their text is never asked about; if it were, it would mean nothing."""
    assert classify(CASES[name]["stderr"], URL) is None


FATAL = "fatal: unable to access 'http://gitea/infraforge/voltran.git/': "
OTHERS: list[tuple[str, type[InfraForgeError] | None, str]] = [
    (FATAL + "The requested URL returned error: 401", Forbidden, "a proxy that wants the token"),
    (FATAL + "The requested URL returned error: 500", GiteaUnavailable, "a fault of Gitea's"),
    (FATAL + "The requested URL returned error: 502", GiteaUnavailable, "a proxy without Gitea"),
    (FATAL + "The requested URL returned error: 429", GiteaUnavailable, "throttled"),
    (FATAL + "The requested URL returned error: 301", RepositoryMissing, "renamed; redirects are not followed"),
    (FATAL + "The requested URL returned error: 413", PushDeclined, "a proxy's bound: a smaller push may pass"),
    ("fatal: remote error: upload-pack: not our ref 1234", PushRejected, "rewritten and collected since we looked"),
    ("fatal: index-pack died of signal 25\nfatal: fetch-pack: x", TransientError, "the limit of a file's size"),
    (FATAL + "Could not resolve host: gitea", GiteaUnavailable, "no name"),
    (FATAL + "SSL certificate problem: unable to get local issuer certificate", GiteaUnavailable, "unknown CA"),
    ("error: RPC failed; curl 56 Recv failure: Connection reset by peer", GiteaUnavailable, "cut off"),
    ("error: Could not read 1234\nfatal: RPC failed; x\nfatal: the remote end hung up", None, "ours to blame first"),
    ("fatal: the remote end hung up unexpectedly", None, "cut off, or our own pack-objects died"),
    ("fatal: http://gitea/x/info/refs not valid: is this a git repository?", GiteaUnavailable, "an answer in HTML"),
    (" ! [rejected]        main -> main (fetch first)\n", PushRejected, "somebody pushed between two requests"),
    (" ! [rejected]        v1 -> v1 (already exists)\n", PushRejected, "somebody made the tag"),
    (
        " ! [rejected] a -> main (stale info)\n ! [rejected] a -> v1 (atomic push failed)\n",
        PushRejected,
        "an atomic push names its bystanders too",
    ),
    (
        "remote: Gitea: Internal Server Connection Error\n ! [remote rejected] a -> main (pre-receive hook declined)\n",
        GiteaUnavailable,
        "Gitea's own hook did not reach Gitea",
    ),
    ("fatal: write error: No space left on device", TransientError, "our disk"),
    ("remote: fatal: write error: No space left on device\nfatal: early EOF", None, "the server's disk"),
    ("fatal: bad object 1234", None, "a damaged cache"),
    (
        "error: remote unpack failed: index-pack abnormal exit\n ! [remote rejected] a -> main (unpacker error)",
        None,
        "?",
    ),
    ("", None, "killed"),
]


@pytest.mark.parametrize(("stderr", "kind", "reason"), OTHERS, ids=[f"{n}-{case[2]}" for n, case in enumerate(OTHERS)])
def test_other_failures(stderr: str, kind: type[InfraForgeError] | None, reason: str) -> None:
    error = classify(stderr, URL)
    assert (type(error) if error else None) is kind


def test_a_message_is_bounded_and_names_no_credential() -> None:
    stderr = (
        "remote: see https://user:hunter2@gitea.example.com/a/b?token=hunter3 \x1b[31m\n"
        + "remote: x\n" * 3
        + "".join(f"remote: line {n}\n" for n in range(500))
        + " ! [remote rejected] main -> main (pre-receive hook declined)\n"
    )
    text = str(classify(stderr, "http://u:hunter4@gitea/infraforge/voltran.git"))
    assert "hunter" not in text
    assert text.isprintable()
    assert len(text) <= MAX_TEXT + 60
