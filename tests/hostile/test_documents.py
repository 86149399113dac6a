"""Files that people are handed, claims and kubeconfigs: read in bounded time and memory, or refused in plain words."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from shared.errors import PermanentError
from shared.kube import connect

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20
MEMORY = 1024 * 1024 * 1024

_LEVELS = "".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10))
BOMB = f"a0: &a0 [x, x, x, x, x, x, x, x, x]\n{_LEVELS}"
"""Nine to the tenth texts, if anybody writes them out."""
HEAD = "apiVersion: platform.infraforge.io/v1alpha1\nkind: ApplicationClaim\nmetadata: {name: a, namespace: dev}\n"

DOCUMENTS = [
    (BOMB, "a bomb of aliases"),
    (HEAD + "spec:\n" + "".join(f"  {line}\n" for line in BOMB.splitlines()), "a claim with a bomb in it"),
    (HEAD + "spec: &a {a: *a}\n", "an alias of itself"),
    (HEAD + "spec: " + "[" * 10_000 + "]" * 10_000, "10,000 lists in each other"),
    (HEAD + "spec: " + "{a: " * 10_000 + "}" * 10_000, "10,000 maps in each other"),
    ("- " * 10_000, "10,000 lists by dashes"),
    ("!!python/object/apply:os.system ['touch pwned']", "a tag that calls"),
    (HEAD + "spec: !!python/name:os.system x", "a tag that names"),
    (HEAD + "spec: !!binary '~~~'", "binary that is none"),
    (HEAD + "spec: {a: \x00}", "NUL"),
    (HEAD + 'spec: {a: "\\ud800"}', "half a character"),
    (HEAD + "spec: {? {a: b} : c}", "a map for a key"),
    (HEAD + "spec: {a: 2026-13-45}", "a date that is none"),
    (HEAD + "spec: {a: " + "9" * 10_000 + "}", "10,000 digits"),
    (HEAD + "spec: {<<: [1, 2]}", "a merge of nothing"),
    (HEAD.replace("name: a", "name: ../../etc/passwd"), "a name that is a path"),
    (HEAD.replace("name: a", "name: [a]"), "a name that is a list"),
    (HEAD.replace("metadata: {name: a, namespace: dev}", "metadata: x"), "metadata that are a text"),
    (HEAD.replace("namespace: dev", "namespace: '{{ x }}'"), "a namespace that is a template"),
    (HEAD.replace("kind: ApplicationClaim", "kind: --all"), "a kind that is an option"),
    (HEAD.replace("apiVersion: platform", "apiVersion: ../platform"), "a version that is a path"),
]


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def _run(folder: Path, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", program, *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=_bounded,
        check=False,
    )


READ = """\
import json, sys
from cli.manifests import read
for manifest in read(sys.argv[1:]):
    json.dumps(manifest.document, default=str)
"""
APPLY = "import sys; from cli.main import main; sys.argv[0] = 'infraforge'; sys.exit(main())"


@pytest.mark.parametrize(("text", "why"), DOCUMENTS, ids=[case[1] for case in DOCUMENTS])
def test_apply(tmp_path: Path, text: str, why: str) -> None:
    """Read within bounds or refused in a few lines; without a sandbox nothing more becomes of it."""
    (tmp_path / "claim.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    done = _run(tmp_path, APPLY, "apply", "--data-dir", str(tmp_path / "none"), "-f", "claim.yaml")
    assert done.returncode in {1, 2, 3}, (why, done.returncode, done.stderr[-500:])
    assert "Traceback" not in done.stderr, done.stderr[-800:]
    assert len(done.stderr) < 2_000
    assert not (tmp_path / "pwned").exists()


READ_ONLY = [*DOCUMENTS, (HEAD + "spec: {a: '" + "x" * 10_000_000 + "'}", "10 MB")]


@pytest.mark.parametrize(("text", "why"), READ_ONLY, ids=[case[1] for case in READ_ONLY])
def test_reading(tmp_path: Path, text: str, why: str) -> None:
    """What `apply` reads files with, up to the JSON that a cluster would be sent: an alias is written out there."""
    (tmp_path / "claim.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    done = _run(tmp_path, READ, "claim.yaml")
    said = done.stderr.rpartition("cli.exits.Failure: ")[2]
    assert done.returncode == 0 or said.startswith("claim.yaml"), (why, said[-300:])
    assert len(said) < 2_000
    assert not (tmp_path / "pwned").exists()


KUBECONFIGS = [
    *DOCUMENTS,
    ("", "nothing"),
    ("[]", "a list"),
    ("current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nclusters: 1\nusers: 1\n", "numbers"),
    ("current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
     "clusters: [{name: c, cluster: {server: 'http://h\\r\\nX: y'}}]\nusers: [{name: u, user: {token: canary}}]\n"
     "x: *y", "an alias of nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why"), KUBECONFIGS, ids=[case[1] for case in KUBECONFIGS])
def test_kubeconfig(tmp_path: Path, text: str, why: str) -> None:
    """A fault that names the file and says nothing of what is in it."""
    file = tmp_path / "kubeconfig"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(PermanentError, match=r"kubeconfig|Kubernetes API") as raised:
        connect(file)
    assert "canary" not in str(raised.value), why
    assert len(str(raised.value)) < 1_000
