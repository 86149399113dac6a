"""One commit for a change, none for no change, and a status that names the right commit either way."""

from typing import Any, cast

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.changes import Change, Plan, Written, others
from shared.claims import ServiceRow
from shared.drift import Drift
from shared.git import Transaction, parse
from shared.history import PastCommit
from shared.telemetry import Metrics
from shared.tracing import COMMIT, Tracing
from tests.shared.voltran import CHANGE, REF, SCOPE, SET, A, B, FakeGit, FakeGitea, attempt, planned, voltran


def transaction(git: FakeGit) -> Transaction:
    return cast("Transaction", git)


def write(git: FakeGit, change: Change = CHANGE, **status: Any) -> Written:
    return voltran(git).write("o", attempt(**status), planned(change), SCOPE)


def test_no_difference_is_no_commit_and_no_push() -> None:
    git, metrics = FakeGit(), Metrics()
    written = voltran(git, metrics=metrics).write("o", attempt(), planned(), SCOPE)
    assert written == Written(CHANGE, head=git.head)
    assert git.log == []
    assert metrics.registry.get_sample_value("infraforge_commits_total") == 0


def test_a_difference_is_one_commit_with_the_claim_in_it() -> None:
    """Its message is read back by the same code that history will use; the spec is the plan's, fit to be read."""
    git, metrics = FakeGit([A, SET]), Metrics()
    written = voltran(git, metrics=metrics).write("o", attempt(), planned(spec={"shown": True}), SCOPE)
    assert (written.commit, written.touched, written.drift) == ("new-sha", frozenset({A, SET}), None)
    assert git.log == ["commit", "push"]
    record = parse(git.message)
    assert record is not None
    assert (record.subject, record.kind, record.namespace, record.name) == (
        "dev: write a, dev-platform-appset.yaml",
        "PlatformClaim",
        "dev",
        "p",
    )
    assert (record.uid, record.generation, record.event_id) == ("u-1", 4, "event-7")
    assert record.spec == {"shown": True}
    assert metrics.registry.get_sample_value("infraforge_commits_total") == 1


def test_its_message_says_who_changed_the_claim_and_what_is_not_shown() -> None:
    git, one = FakeGit([A]), attempt()
    manager = {"manager": "kubectl-edit", "time": "2026-11-23T11:59:00Z", "fieldsV1": {"f:spec": {}}}
    one.live["metadata"]["managedFields"] = [manager]
    voltran(git).write("o", one, lambda _: Plan("dev", CHANGE, {}, ("services[0].values.password",)), SCOPE)
    record = parse(git.message)
    assert record is not None
    assert (record.manager, record.changed, record.deleted) == ("kubectl-edit", "2026-11-23T11:59:00Z", False)
    assert record.omitted == ("services[0].values.password",)


def test_its_message_says_that_the_claim_is_being_deleted() -> None:
    git, one = FakeGit([A]), attempt()
    one.take(one.live | {"metadata": one.live["metadata"] | {"deletionTimestamp": "2026-11-23T12:00:00Z"}})
    voltran(git).write("o", one, planned(Change(removed=(A,))), SCOPE)
    record = parse(git.message)
    assert record is not None
    assert (record.deleted, record.manager) == (True, "")


GONE = "environments/nonprod/dev/platform/gone"
SUBJECTS = [
    ([A, B, GONE], "dev: write a, b; remove gone", "both"),
    ([GONE], "dev: remove gone", "only a removal"),
    (["environments/nonprod/dev/platform/.gitkeep"], "dev: lay out folders", "only what keeps a folder"),
]


@pytest.mark.parametrize(("touched", "subject", "why"), SUBJECTS, ids=[case[2] for case in SUBJECTS])
def test_subjects(touched: list[str], subject: str, why: str) -> None:
    git = FakeGit(touched)
    write(git, Change(folders=CHANGE.folders, files=CHANGE.files, removed=(GONE,)))
    assert git.message.partition("\n")[0] == subject, why


def test_edits_are_what_a_transaction_takes() -> None:
    change = Change(folders=CHANGE.folders, files=CHANGE.files, removed=(GONE,))
    assert change.edits == {A: {"values.yaml": b"a"}, B: {"values.yaml": b"b"}, SET: b"set", GONE: None}


def test_a_checksum_is_of_what_shall_be_there() -> None:
    """Removals are not part of it; one file in a folder is the same as the file itself."""
    same = Change(folders={}, files={f"{A}/values.yaml": b"a", f"{B}/values.yaml": b"b", SET: b"set"}, removed=(GONE,))
    assert same.checksum == CHANGE.checksum
    assert Change(folders=CHANGE.folders, files={SET: b"other"}).checksum != CHANGE.checksum


def test_a_row_names_the_commit_that_changed_its_files() -> None:
    """The new one where it changed them, the remembered one where it did not, and Gitea's where nobody remembers."""
    gitea = FakeGitea(b=PastCommit("past", "2026-01-01T00:00:00+00:00"))
    store = voltran(gitea=gitea)
    written = Written(CHANGE, "new-sha", frozenset({A}))
    row = store.provenance.row("o", written, attempt(), A, None)
    assert row == {"path": A, "checksum": row["checksum"], "commit": "new-sha"}
    other = store.provenance.row("o", written, attempt(), B, None)
    assert other["commit"] == "past"
    assert gitea.asked == [("o", "voltran", B)]
    recorded = ServiceRow(name="b", checksum=other["checksum"], commit="before")
    fresh = attempt(observedGeneration=3)
    assert store.provenance.row("o", written, fresh, B, recorded)["commit"] == "before"
    assert len(gitea.asked) == 1, "what is remembered is not asked for"
    stale = ServiceRow(name="b", checksum="of other files", commit="before")
    assert store.provenance.row("o", written, fresh, B, stale)["commit"] == "past"
    behind = attempt(observedGeneration=2)
    assert store.provenance.row("o", written, behind, B, recorded)["commit"] == "past", (
        "a generation between has left no status"
    )


def test_the_claims_commit_and_its_address() -> None:
    gitea = FakeGitea(**{"dev-platform-appset.yaml": PastCommit("set", "2"), "platform": PastCommit("folder", "1")})
    store = voltran(gitea=gitea)
    new = store.provenance.commit("o", Written(CHANGE, "new-sha", frozenset({A})), attempt(), SCOPE)
    assert new is not None
    assert (new.sha, new.url) == ("new-sha", "http://gitea/o/voltran/commit/new-sha")
    remembered = attempt(checksum=CHANGE.checksum, commit={"sha": "before"}, observedGeneration=3)
    found = store.provenance.commit("o", Written(CHANGE), remembered, SCOPE)
    assert found is not None
    assert found.sha == "before"
    assert not gitea.asked
    lost = store.provenance.commit("o", Written(CHANGE), attempt(), SCOPE)
    assert lost is not None
    assert lost.sha == "set", "the latest of the scope's paths"
    assert voltran().provenance.commit("o", Written(CHANGE), attempt(), SCOPE) is None


def test_others_are_the_folders_that_nobody_stands_for() -> None:
    git = FakeGit(names=(".gitkeep", "a", "b", "namespaces"))
    assert others(transaction(git), "f", {"a", "namespaces"}) == ("b",)


EVE = PastCommit("e" * 40, "2026-11-01T00:00:00+00:00", "Eve <eve@x>")
STRAY = "environments/nonprod/dev/platform/stray"
STRAYED = Change(folders=CHANGE.folders, files=CHANGE.files, strays=(STRAY,))
OURS = {"checksum": CHANGE.checksum, "observedGeneration": 3}
DRIFTS = [
    (CHANGE, [A], OURS, [A], "dev: restore a", "what the claim says to have written was changed"),
    (STRAYED, [STRAY], OURS, [STRAY], "dev: remove stray", "something was put beside it"),
    (STRAYED, [A, STRAY], OURS, [A, STRAY], "dev: restore a; remove stray", "both"),
    (STRAYED, [A, STRAY], {"checksum": "other"}, [STRAY], "dev: write a; remove stray", "an edit, and a stray"),
    (CHANGE, [A], {"checksum": "other"}, None, "dev: write a", "the claim wants something else than before"),
    (STRAYED, [A, STRAY], {}, None, "dev: write a; remove stray", "a claim that wrote nothing yet adopts or clears"),
    (CHANGE, [], OURS, None, None, "nothing differs"),
]


@pytest.mark.parametrize(
    ("change", "differing", "status", "paths", "subject", "why"), DRIFTS, ids=[case[5] for case in DRIFTS]
)
def test_drift(
    change: Change,
    differing: list[str],
    status: dict[str, Any],
    paths: list[str] | None,
    subject: str | None,
    why: str,
) -> None:
    """It is told in the commit and noted for the history, with the restoring commit."""
    git, gitea = FakeGit(differing), FakeGitea(a=EVE, stray=EVE)
    one = attempt(**status)
    written = voltran(git, gitea).write("o", one, planned(change), SCOPE)
    assert written.drift == (None if paths is None else Drift(paths, [EVE])), why
    assert git.message.partition("\n")[0] == (subject or "")
    if paths is None:
        assert not one.carried.notes
        assert "Drift" not in git.message
    else:
        assert f"Drift: {', '.join(paths)}: changed by eeeeeeeeeeee (Eve <eve@x>)" in git.message
        assert [(entry.commit, entry.restored) for entry in one.carried.notes] == [(EVE.sha, "new-sha")]


def test_our_own_later_generation_is_no_drift() -> None:
    """Its commit was pushed, its status was not written, and then the claim was edited back."""
    later = PastCommit("f" * 40, "2026-11-01T00:00:00+00:00", "InfraForge <i@x>", str(REF), 4)
    git, one = FakeGit([A]), attempt(**OURS)
    written = voltran(git, FakeGitea(a=later)).write("o", one, planned(), SCOPE)
    assert written.drift is None
    assert not one.carried.notes
    assert git.message.startswith("dev: write a\n")


def test_in_a_shared_folder_the_claims_own_commit_is_looked_for_row_by_row() -> None:
    """The structure's `.gitkeep` lies in the same folder, and who restored it last was not this claim."""
    theirs = PastCommit("theirs", "2026-01-02T00:00:00+00:00", claim="BootstrapClaim/platform-system/p", generation=1)
    own = PastCommit("own", "2026-01-01T00:00:00+00:00", claim=str(REF), generation=4)
    known = FakeGitea(platform=theirs, a=own)
    found = voltran(FakeGit(), known).provenance.commit("o", Written(CHANGE), attempt(), SCOPE)
    assert found is not None
    assert found.sha == "own"


def test_a_commit_and_its_trace_name_each_other() -> None:
    git, exporter = FakeGit([A]), InMemorySpanExporter()
    tracing = Tracing(exporter)
    one = attempt()
    one.trace_id = "4b" * 16
    with tracing.claim("PlatformClaim/dev/p"):
        written = voltran(git, tracing=tracing).write("o", one, planned(), SCOPE)
    tracing.close()
    [span] = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes[COMMIT] == written.commit
    assert f"Trace-Id: {'4b' * 16}" in git.message
