"""What a real Gitea was asked and answered, sent again in the same order: REST, git commands, webhook deliveries."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from tests.sandbox.gitea.client import GitClient
from tests.sandbox.gitea.matching import Matcher, advertised, plain_stderr
from tests.sandbox.gitea.server import Arrival, Receiver, Server, basic, receiving, serving
from tests.sandbox.gitea.worktree import Worktree

RECORDINGS = Path(__file__).parents[2] / "recordings" / "gitea"

# The exchanges that may differ, each with its reason; at most twenty of the 214.
DIFFERENCES = {
    "healthz": "its description is the name that the recorded server was given",
    "repo-default-branch-back": "a 500 after which the branch was changed nevertheless: a fault of that moment",
}

# The order of everything: HTTP exchanges up to and including the named case, then git commands, and so on. A number is
# how many deliveries have to arrive before the next step.
SCRIPT: tuple[tuple[str, str, int], ...] = (
    ("http", "hook-test", 1),
    ("git", "clone", 0),
    ("git", "push-one-commit", 2),
    ("git", "push-seven-commits", 2),
    ("git", "push-remove-and-rename", 2),
    ("git", "push-nothing", 0),
    ("git", "push-non-fast-forward", 0),
    ("git", "push-force", 2),
    ("git", "push-new-branch", 2),
    ("git", "push-delete-branch", 0),
    ("git", "push-tag", 2),
    ("git", "push-delete-default-branch", 0),
    ("git", "push-two-branches", 4),
    ("http", "contents-with-hook", 2),
    ("git", "push-forty-commits", 2),
    ("git", "push-sink-500", 2),
    ("git", "push-sink-7s", 2),
    ("http", "hook-create-no-secret", 0),
    ("git", "push-no-secret-hook", 3),
    ("http", "hook-create-form", 0),
    ("git", "push-form-hook", 4),
    ("http", "hook-create-branch-filter", 0),
    ("git", "push-branch-filter", 2),
    ("git", "push-wrong-token", 0),
    ("git", "push-no-credentials", 0),
    ("git", "push-missing-repo", 0),
    ("git", "push-missing-org", 0),
    ("git", "clone-missing-repo", 0),
    ("git", "clone-stranger", 0),
    ("git", "clone-no-credentials", 0),
    ("git", "push-readonly-token", 0),
    ("git", "clone-depth-1", 0),
    ("git", "clone-filter-blob-none", 0),
    ("git", "fetch-by-sha", 0),
    ("git", "push-atomic", 2),
    ("git", "push-force-with-lease-stale", 0),
    ("git", "push-after-lease", 2),
    ("race", "push-race", 2),
    ("git", "push-pre-receive-policy", 0),
    ("http", "contents-pre-receive-policy", 0),
    ("operator", "remove the policy", 0),
    ("git", "push-server-down", 0),
    ("http", "contents-protected", 0),
    ("git", "push-protected", 0),
    ("http", "protection-patch", 0),
    ("git", "push-protected-allowed", 2),
    ("git", "push-protected-force", 0),
    ("operator", "follow", 0),
    ("http", "repo-get-reader", 0),
    ("git", "push-reader", 0),
    ("http", "repo-archive", 0),
    ("git", "push-archived", 0),
    ("http", "repo-rename", 0),
    ("git", "clone-renamed-old", 0),
    ("http", "hook-org-patch-events", 0),
    ("git", "push-delete-side", 1),
    ("http", "repo-delete", 1),
    ("git", "push-deleted-repo", 0),
    ("git", "fetch-deleted-repo", 0),
    ("http", "repo-recreate", 1),
    ("http", "hook-list-recreated", 0),
    ("git", "push-recreated", 2),
    ("http", "token-delete", 0),
    ("git", "push-token-revoked", 0),
    ("http", "user-token-deleted", 0),
)


def load(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RECORDINGS / f"{name}.jsonl").read_text().splitlines()]


@dataclass
class Outcome:
    """What differed, by case; and the deliveries, in order."""

    http: dict[str, list[str]] = field(default_factory=dict)
    sent: int = 0
    git: dict[str, list[str]] = field(default_factory=dict)
    commands: int = 0
    deliveries: list[Arrival] = field(default_factory=list)


@dataclass
class Replay:
    """Sends the recordings again."""

    server: Server
    receiver: Receiver
    tree: Worktree
    matcher: Matcher
    outcome: Outcome = field(default_factory=Outcome)

    def run(self) -> Outcome:
        exchanges = load("transcript")
        commands = {one["case"]: one for one in load("git")}
        last = {one["case"]: number for number, one in enumerate(exchanges)}
        expected = 0
        for kind, case, deliveries in SCRIPT:
            if kind == "http":
                while self.outcome.sent <= last[case]:
                    self.exchange(exchanges[self.outcome.sent])
                    self.outcome.sent += 1
            elif kind == "git":
                self.command(commands[case])
            elif kind == "race":
                self.race(commands)
            else:
                self.operate(case)
            expected += deliveries
            self.receiver.wait(expected, f"after {case}; differences so far: {self.outcome.http} {self.outcome.git}")
        self.outcome.deliveries = self.receiver.wait(expected)
        return self.outcome

    def exchange(self, recorded: dict[str, Any]) -> None:
        """Send a request and note where the answer differs."""
        request = recorded["request"]
        headers = {name: self.matcher.ours(value) for name, value in request["headers"].items()}
        if match := re.fullmatch(r"Basic <(.*?):(.*)>", headers.get("Authorization", "")):
            headers["Authorization"] = basic(match[1], match[2])
        body = request.get("body")
        content = None if body is None else body if isinstance(body, str) else json.dumps(body)
        response = self.server.client.request(
            request["method"],
            self.server.url + self.matcher.ours(request["path"]),
            headers=headers,
            content=None if content is None else self.matcher.ours(content),
        )
        found = self.compare(recorded["response"], response)
        if found:
            self.outcome.http.setdefault(recorded["case"], []).extend(found)

    def compare(self, recorded: dict[str, Any], response: httpx.Response) -> list[str]:
        """Status, headers, body."""
        got_headers = {k: v for k, v in response.headers.items() if k not in ("date", "content-length", *_CACHING)}
        found = (
            [] if recorded["status"] == response.status_code else [f"{recorded['status']} != {response.status_code}"]
        )
        found += self.matcher.differences(recorded["headers"], got_headers, "headers")
        if "advertisement" in recorded["headers"].get("content-type", ""):
            (then, abilities), (now, got_abilities) = advertised(recorded["body"]), advertised(response.text)
            found += self.matcher.differences(then, now, "references")
            return found + sorted(f"lacks {one}" for one in abilities - got_abilities)
        is_json = "json" in recorded["headers"].get("content-type", "")
        return found + self.matcher.differences(recorded["body"], response.json() if is_json else response.text, "body")

    def command(self, recorded: dict[str, Any]) -> None:
        """Run a git command and note where its code or its words differ."""
        case = recorded["case"]
        self.tree.prepare(case)
        arguments = [self.argument(one) for one in recorded["argv"]]
        home = self.tree.git.home
        where = home if "clone" in arguments else home / "n4" if case == "fetch-by-sha" else self.tree.path
        done = self.tree.git.try_run(*arguments, cwd=where)
        self.judge(case, recorded, done.returncode, done.stderr)

    def judge(self, case: str, recorded: dict[str, Any], code: int, stderr: str) -> None:
        """Compare code and words."""
        self.outcome.commands += 1
        then, now = plain_stderr(recorded["stderr"], 3999), plain_stderr(stderr, self.server.port)
        found = [] if recorded["rc"] == code else [f"exit {recorded['rc']} != {code}"]
        if found or then != now:
            self.outcome.git[case] = [*found, f"{then} != {now}"]

    def argument(self, recorded: str) -> str:
        """A recorded argument as it has to be given now."""
        recorded = recorded.replace("x:TOKEN@", f"x:{self.matcher.tokens['TOKEN-OF-PLATFORM']}@")
        recorded = recorded.replace("127.0.0.1:3999", f"127.0.0.1:{self.server.port}")
        return self.matcher.ours(recorded).replace("TMP", str(self.tree.git.home))

    def race(self, commands: dict[str, dict[str, Any]]) -> None:
        """Four pushes at once, of which one wins."""
        for number, one in enumerate(self.tree.race()):
            case = f"push-race-{number}"
            self.judge(case, commands[case], one.returncode, one.stderr)

    def operate(self, what: str) -> None:
        """What the operator or the developer did between two steps."""
        if what == "remove the policy":
            self.tree.remove_hooks()
        self.tree.follow()


_CACHING = ("expires", "pragma", "cache-control", "transfer-encoding")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    directory = tmp_path_factory.mktemp("replay")
    arguments = ("--root-url", "http://127.0.0.1:3999", "--webhook-delay", "0")
    with serving(directory, *arguments) as server, receiving() as receiver:
        for user, password in (("platform", "Pl4tform-pass!"), ("stranger", "Str4nger-pass!")):
            account = {"username": user, "email": f"{user}@example.com", "password": password}
            server.made("POST", "/admin/users", {**account, "must_change_password": False})
        home = directory / "home"
        home.mkdir()
        tree = Worktree(GitClient(home), server)
        yield Replay(server, receiver, tree, Matcher(f"127.0.0.1:{receiver.port}")).run()


def test_every_recording_was_sent(outcome: Outcome) -> None:
    """A script that left something out would prove nothing."""
    assert (outcome.sent, outcome.commands, len(outcome.deliveries)) == (214, 49, 47)


def test_rest_answers_as_recorded(outcome: Outcome) -> None:
    """Status, headers, and body, but for the listed differences."""
    unexpected = {case: found for case, found in outcome.http.items() if case not in DIFFERENCES}
    assert unexpected == {}


def test_the_list_of_differences_is_short_and_true(outcome: Outcome) -> None:
    """Every entry still differs, and there are few."""
    assert len(DIFFERENCES) <= 20
    assert len(DIFFERENCES) == 2
    assert set(outcome.http) == set(DIFFERENCES)


def test_git_commands_end_as_recorded(outcome: Outcome) -> None:
    """Exit codes, and every line of stderr."""
    assert outcome.git == {}


def test_deliveries_are_the_recorded_ones(outcome: Outcome) -> None:
    """The same hooks in the same order, header by header, and payload by payload."""
    matcher = Matcher()
    recorded = load("webhooks")
    assert [one.path for one in outcome.deliveries] == [one["path"] for one in recorded]
    found = {}
    for number, (then, now) in enumerate(zip(recorded, outcome.deliveries, strict=True)):
        differences = _header_differences(then["headers"], now)
        differences += matcher.differences(_payload(then["body"]), _payload(now.body.decode()))
        if differences:
            found[f"{number} {then['case']}"] = differences
    assert found == {}


@pytest.mark.parametrize("number", range(47))
def test_signatures_verify(outcome: Outcome, number: int) -> None:
    """Each delivery of a hook with a secret verifies with it, as the recorded ones do."""
    recorded, arrival = load("webhooks")[number], outcome.deliveries[number]
    payload = parse_qs(arrival.body.decode())["payload"][0].encode() if arrival.path == "/form" else arrival.body
    digest = hmac.new(b"s3cret", payload, hashlib.sha256).hexdigest()
    wanted = "" if arrival.path == "/nosecret" else digest
    assert arrival.headers["X-Gitea-Signature"] == arrival.headers["X-Gogs-Signature"] == wanted
    assert arrival.headers["X-Hub-Signature-256"] == f"sha256={wanted}"
    assert bool(recorded["headers"]["X-Gitea-Signature"]) == bool(wanted)


def _header_differences(recorded: dict[str, str], arrival: Arrival) -> list[str]:
    """Names, in any order, and the values of those that do not change from one delivery to the next."""
    got = arrival.headers
    found = [f"headers {sorted(recorded)} != {sorted(got)}"] if recorded.keys() != got.keys() else []
    volatile = ("Host", "Content-Length", "Delivery", "Signature", "Signature-256")
    compared = [name for name in recorded.keys() & got.keys() if not name.endswith(volatile)]
    found += [f"{name}: {recorded[name]!r} != {got[name]!r}" for name in compared if recorded[name] != got[name]]
    if len({got[f"X-{twin}-Delivery"] for twin in ("Gitea", "Gogs", "GitHub")}) != 1:
        found.append("the three delivery identifiers differ")
    return found


def _payload(body: str) -> Any:
    return json.loads(parse_qs(body)["payload"][0] if body.startswith("payload=") else body)
