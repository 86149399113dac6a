"""The engine in a process of its own: verdicts, and what a chart cannot do to the function."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

import pytest

from shared.helm import Engine, EngineBroken
from shared.rendering.child import encoded, read_trial
from shared.rendering.process import Process
from shared.rendering.trial import MAX_MESSAGE, MAX_OUTPUT, Trial, Verdict, run

CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: small\nversion: 1.0.0\n",
    "values.schema.json": b'{"properties": {"word": {"type": "string"}}}',
    "templates/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: {{ quote .Values.word }}}\n",
}


def trial(template: str | None = None, values: bytes = b"", files: Mapping[str, bytes] = MappingProxyType({})) -> Trial:
    more = {} if template is None else {"templates/a.yaml": template.encode()}
    return Trial(CHART | more | dict(files), "dev-small", "dev", values)


def ended(pid: int) -> int | None:
    """The exit status of a child of ours, once it has one; whoever started it hears it too."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return found.si_status if found else None


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    running = Process(seconds=3)
    yield running
    running.close()


@pytest.mark.parametrize(
    ("template", "outcome", "message"),
    [
        pytest.param(None, "renders", "", id="objects"),
        pytest.param("", "renders", "", id="nothing at all"),
        pytest.param("# only words\n---\n", "renders", "", id="nothing but words"),
        pytest.param("apiVersion: v1\nkind: List\nitems: []\n", "renders", "", id="a list has no name"),
        pytest.param(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n", "renders", "", id="a name to be made"
        ),
        pytest.param("{{ fail `no` }}", "refused", "no", id="a chart that refuses"),
        pytest.param("a: b: c", "invalid", "small/templates/a.yaml is no YAML: ", id="no YAML"),
        pytest.param("just words", "invalid", "small/templates/a.yaml is no YAML: ", id="no map"),
        pytest.param("- a", "invalid", "small/templates/a.yaml is no YAML: ", id="a list"),
        pytest.param("a: 1", "invalid", "small/templates/a.yaml has no apiVersion", id="no object"),
        pytest.param("apiVersion: 1", "invalid", "small/templates/a.yaml has no apiVersion", id="a number"),
        pytest.param("apiVersion: v1\nkind: ''", "invalid", "small/templates/a.yaml has no kind", id="no kind"),
        pytest.param("apiVersion: v1\nkind: Pod", "invalid", "small/templates/a.yaml has no name", id="no metadata"),
        pytest.param(
            "apiVersion: v1\nkind: Pod\nmetadata: {name: }", "invalid", "small/templates/a.yaml has no name", id="null"
        ),
        pytest.param("{{ repeat 1000000000 `xx` }}", "unknown", "takes too long, or too much memory", id="gigabytes"),
        pytest.param(
            "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
            "unknown",
            "takes too long, or too much memory",
            id="for ever",
        ),
    ],
)
def test_a_verdict(process: Process, template: str | None, outcome: str, message: str) -> None:
    found = process.run(trial(template))

    assert found.outcome == outcome, found
    assert message in found.message


def test_whatever_a_chart_did_the_next_one_renders(process: Process) -> None:
    process.run(trial("{{ repeat 1000000000 `xx` }}"))

    assert process.run(trial()) == Verdict("renders")


def test_values_are_held_against_the_schema(process: Process) -> None:
    found = process.run(trial(values=b"word: 1\n"))

    assert found.outcome == "refused"
    assert "at '/word': got number, want string" in found.message


def test_a_missing_dependency_is_nobodys_fault(process: Process) -> None:
    """ArgoCD builds what is not vendored, if it may; here it cannot be told."""
    manifest = CHART["Chart.yaml"] + b"dependencies: [{name: words, version: 0.1.0}]\n"

    assert process.run(Trial(CHART | {"Chart.yaml": manifest}, "a", "b", b"")).outcome == "unknown"


def test_a_second_process_takes_over_from_one_that_ended(process: Process) -> None:
    assert process.run(trial()) == Verdict("renders")
    before = process.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    ended(before)

    assert process.run(trial()) == Verdict("renders")
    assert process.pid not in {None, before}


def test_an_idle_process_ends() -> None:
    short = Process(idle=0.05)
    try:
        assert short.run(trial()) == Verdict("renders")
        if (pid := short.pid) is not None:
            assert ended(pid) == 0
        assert short.run(trial()) == Verdict("renders")
    finally:
        short.close()
    assert short.pid is None


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux shows a process's environment")
def test_the_other_process_sees_no_credential(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFRAFORGE_GITEA_TOKEN", "canary")
    fresh = Process()
    try:
        fresh.run(trial())
        assert fresh.pid is not None
        seen = Path(f"/proc/{fresh.pid}/environ").read_bytes()
        assert b"PYTHONPATH" in seen
        assert b"canary" not in seen
    finally:
        fresh.close()


def test_threads_take_turns(process: Process) -> None:
    trials = [trial(values=b"word: 1\n" if number % 2 else b"word: a\n") for number in range(20)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(process.run, trials))

    assert [verdict.outcome for verdict in found] == ["renders", "refused"] * 10


def test_a_trial_arrives_as_it_was_sent() -> None:
    sent = trial(values=b"a: \xff", files={"ä b": b"\x00\x01", "empty": b""})

    assert read_trial(BytesIO(encoded(sent))) == sent
    assert read_trial(BytesIO()) is None
    with pytest.raises(EOFError):
        read_trial(BytesIO(encoded(sent)[:-1]))


class Fake:
    """An engine that renders what it is told to."""

    def __init__(self, stream: str = "", error: Exception | None = None) -> None:
        self._stream = stream
        self._error = error

    def render(self, chart: object, *, release: str, namespace: str, values: bytes) -> str:
        if self._error:
            raise self._error
        return self._stream

    def read(self, document: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(document)
        return found


def test_an_engine_that_does_not_load_says_nothing_of_charts() -> None:
    assert run(Fake(error=EngineBroken("no library")), trial()) == Verdict("broken", "no library")


def test_a_full_disk_says_nothing_of_charts() -> None:
    assert run(Fake(error=OSError("no space left")), trial()) == Verdict("unknown", "no space left")


def test_a_rendering_of_megabytes_is_not_read() -> None:
    assert run(Fake("a" * (MAX_OUTPUT + 1)), trial()).outcome == "unknown"


def test_a_long_message_is_cut() -> None:
    loop = b'{{ define "x" }}{{ include "x" . }}{{ end }}'
    engine = Engine.load()
    assert engine is not None

    found = run(engine, trial('{{ include "x" . }}', files={"templates/_x.tpl": loop}))

    assert found.outcome == "refused"
    assert len(found.message) == MAX_MESSAGE


def test_the_package_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fresh = Process()
    try:
        assert fresh.run(trial()) == Verdict("renders")
    finally:
        fresh.close()
