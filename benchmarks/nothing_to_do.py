"""Events that change nothing: what the functions pay for hearing their own echo, and for a resync.

    echo        the event that a status write of ours comes back as: it speaks of the very resourceVersion that the
                function finished with, and is answered without a look at anything: whoever looks asks Gitea for
                the head, so its log is counted. Four kept connections
    resync      a ping, divided by the claims that it makes the function look at, all of them settled
    baseline    an empty functions-framework target that parses the same event with the CloudEvents SDK and answers
                204: same gunicorn settings, same client, in turn

Both in events (or claims) a second: a ratio is ours divided by the baseline's, and more is better.
"""

from pathlib import Path
from typing import Final

from benchmarks.load import echo, ping, post, rate
from benchmarks.measure import Aim, Row
from benchmarks.process import function
from benchmarks.sandbox import Sandbox

SECTION: Final = "nothing to do"
A_THIRD: Final = Aim(1 / 3, least=True)
NONE: Final = Aim(0, "ours")
UNIT: Final = "/s"


def measure(there: Sandbox, *, claims: int, rounds: int, seconds: float, directory: Path) -> list[Row]:
    """The rows of the echo of `dev-apps`, which is settled, and of a resync of `claims` settled claims."""
    url = there.functions["application"]
    event = echo(there.get("applicationclaim", "dev", "dev-apps"))
    ours, resyncs, base, looks = [], [], [], []
    with function("benchmarks/empty_target.py", "empty", {}, directory / "empty.log") as empty:
        baseline = f"http://{empty.host}:{empty.port}"
        rate(url, event, seconds / 4)
        rate(baseline, event, seconds / 4)
        post(url, ping())
        for _ in range(rounds):
            asked = there.requests()
            ours.append(rate(url, event, seconds))
            looks.append(there.requests() - asked)
            base.append(rate(baseline, event, seconds))
            resyncs.append(claims / post(url, ping()))
    return [
        Row.compared(SECTION, "echo of a status write", ours, base, unit=UNIT, aim=A_THIRD),
        Row.plain(SECTION, "echo: requests to Gitea meanwhile", looks, unit="", aim=NONE),
        Row.compared(SECTION, f"resync of {claims} settled claims, per claim", resyncs, base, unit=UNIT, aim=A_THIRD),
    ]
