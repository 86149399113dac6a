"""How long a function takes to start, what it then holds in memory, and where the time goes.

    first answer        spawn → 200 of /healthz, which the function itself answers with everything behind it built
    first event         spawn → 204 of an event of a settled claim, looked at in full with an empty cache: the claim
                        read, the head of Git fetched, images resolved, files compared
    baseline            an empty functions-framework target that is started in the same round, with the same settings
    RSS, PSS            after that event. functions-framework imports a function in gunicorn's master, and the worker
                        that serves is its fork: RSS counts the pages that both share twice, PSS halves them, so
                        master plus worker in PSS is what a pod is charged with. 1 MB = 1,000,000 bytes

Bytecode is compiled, as in an image. The times of imports are `-X importtime`'s own, summed by package.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from benchmarks.load import echo, post
from benchmarks.measure import Aim, Row
from benchmarks.process import Running, function
from benchmarks.sandbox import ROOT, Sandbox

SECTION: Final = "start-up and memory"
GITEA_URL: Final = "http://gitea-http.gitea.svc:3000"
SOON: Final = Aim(1.0, "ours")
SMALL: Final = Aim(90, "ours")
AIMED: Final = frozenset({"worker RSS", "both PSS"})
MEGABYTE: Final = 1_000_000
OTHERS: Final = ("bootstrap", "platform")
SHOWN: Final = 14

Samples = defaultdict[str, list[float]]


def measure(there: Sandbox, rounds: int, directory: Path) -> list[Row]:
    """The rows of all three functions, in a sandbox whose example claim `dev-apps` is settled."""
    event = echo(there.get("applicationclaim", "dev", "dev-apps"))
    seconds: Samples = defaultdict(list)
    megabytes: Samples = defaultdict(list)
    for number in range(rounds):
        place = directory / f"start-{number}"
        place.mkdir()
        with _started(there, "application", place) as running:
            seconds["application"].append(running.seconds)
            post(f"http://{running.host}:{running.port}", event)
            seconds["first event"].append(running.elapsed())
            _note(megabytes, running)
        for name in OTHERS:
            with _started(there, name, place) as running:
                seconds[name].append(running.seconds)
        with function("benchmarks/empty_target.py", "empty", {}, place / "empty.log") as running:
            seconds["empty"].append(running.seconds)
            _note(megabytes, running, "empty ")
    return _rows(seconds, megabytes)


def _rows(seconds: Samples, megabytes: Samples) -> list[Row]:
    found = [
        Row.compared(SECTION, f"{name}: spawn to first answer", seconds[name], seconds["empty"], aim=SOON)
        for name in ("application", *OTHERS)
    ]
    found.append(Row.plain(SECTION, "application: spawn to first event, settled", seconds["first event"]))
    for name in ("master RSS", "master PSS", "worker RSS", "worker PSS", "both PSS"):
        aim = SMALL if name in AIMED else None
        what = f"application: memory, {name}"
        found.append(Row.compared(SECTION, what, megabytes[name], megabytes[f"empty {name}"], unit="MB", aim=aim))
    return found


def _note(megabytes: Samples, running: Running, prefix: str = "") -> None:
    master, worker = running.memory()
    found = {
        "master RSS": master.rss,
        "master PSS": master.pss,
        "worker RSS": worker.rss,
        "worker PSS": worker.pss,
        "both PSS": master.pss + worker.pss,
    }
    for name, size in found.items():
        megabytes[prefix + name].append(size / MEGABYTE)


def _started(there: Sandbox, name: str, place: Path) -> AbstractContextManager[Running]:
    settings = {
        "INFRAFORGE_GITEA_URL": GITEA_URL,
        "INFRAFORGE_GITEA_ENDPOINT": there.gitea,
        "INFRAFORGE_GITEA_TOKEN": there.token,
        "INFRAFORGE_KUBECONFIG": there.kubeconfig,
        "INFRAFORGE_CACHE_DIR": str(place / "cache"),
        "INFRAFORGE_REGISTRY_MIRRORS": json.dumps({"ghcr.io": there.registry}),
    }
    return function(f"functions/{name}/main.py", name, settings, place / f"{name}.log")


def imports(module: str) -> list[tuple[str, float, int]]:
    """Package, milliseconds and modules of everything that `module` imports, the dearest first.

    A package stands for what it imports itself: time spent in others is counted at theirs.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=True)
    times: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for self_time, name in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", done.stderr, re.MULTILINE):
        package = name.partition(".")[0]
        group = "the standard library" if package in sys.stdlib_module_names else package
        times[group] += int(self_time)
        modules[group] += 1
    return [(name, micros / 1000, modules[name]) for name, micros in times.most_common()]


def import_table(module: str, found: list[tuple[str, float, int]]) -> str:
    """`imports` for people: the dearest packages, and the rest in one line."""
    rest = found[SHOWN:]
    total = sum(one[1] for one in found), sum(one[2] for one in found)
    shown = [*found[:SHOWN], (f"{len(rest)} others", sum(one[1] for one in rest), sum(one[2] for one in rest))]
    lines = [f"where the time of `import {module}` goes{'ms':>20}{'modules':>10}"]
    width = len(lines[0]) - 10
    shown.append(("in all", *total))
    lines += [f"  {name}{millis:>{width - len(name) - 2}.1f}{count:>10}" for name, millis, count in shown]
    return "\n".join(lines)
