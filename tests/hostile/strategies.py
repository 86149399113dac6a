"""Hypothesis strategies for what a stranger, or a broken API server, can put before a function."""

import copy
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Document = dict[str, Any]
Path = tuple[str | int, ...]

PATHS = (
    "..", ".", "/", "../../etc/passwd", "/etc/passwd", "..\\..\\x", ".git", ".git/hooks/post-update", ".GIT",
    "git~1", ".git\u200c", "a/../b", "a//b", "a/", "C:\\x", "con", "a\x00b", "%2e%2e%2f", "refs/heads/main",
)  # fmt: skip
TEMPLATES = (
    "{{ .Values }}", "{{.path.path}}", "{{`x`}}", "{{ fail \"x\" }}", "{{- end }}", "}}{{", "${x}",
    "$(touch x)", "`touch x`", "%s", "%(x)s", "{0}", "$values/x", "{% x %}", "#{x}", '" .path.basename "',
    "' or '1'='1",
)  # fmt: skip
OPTIONS = (
    "--upload-pack=touch x", "-oProxyCommand=touch x", "--exec=touch x", "-c", "--", "-", "--force", "-x\n-y",
    "ext::sh -c touch% x", "file:///etc/passwd", "--git-dir=/x", "@{upstream}", "+main:main", ":main",
)  # fmt: skip
TEXTS = (
    "", " ", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff", "\ufffe",
    "\ud800", "\udc00\ud800", "é", "😀", "a\nBEGIN-CLAIM-SPEC json", "a\n\nClaim: X/y/z\nClaim-UID: u", "null",
    "true", "1e3", "*alias", "&anchor", "!!python/object/apply:os.system [x]", "<<", "<script>", "a" * 300,
    "a: b: c",
)  # fmt: skip
ADDRESSES = (
    "http://169.254.169.254/latest", "http://u:p@h/", "http://[::1", "http://h:99999/", "https://{{.x}}",
    "https://*", "javascript:x", "//h", "http://h/?q", "http://h\r\nX: y", "oci://", "ghcr.io/a:b@c",
)  # fmt: skip

HOSTILE = (*PATHS, *TEMPLATES, *OPTIONS, *TEXTS, *ADDRESSES)
"""Strings that mean something to a path, a template, a command line, a terminal, YAML, a commit or a client of HTTP."""


def strings() -> SearchStrategy[str]:
    """Hostile strings, as such and within others."""
    around = st.sampled_from(HOSTILE)
    return around | st.tuples(around, around).map("".join) | st.text(max_size=40) | _surrogates()


def _surrogates() -> SearchStrategy[str]:
    return st.text(st.characters(), max_size=10)  # all of Unicode, halves of surrogate pairs among it


def deep(levels: int) -> Any:
    """Lists within each other, as JSON's parser would hand them over: built without recursion."""
    node: Any = "x"
    for _ in range(levels):
        node = [node]
    return node


def things() -> SearchStrategy[Any]:
    """Anything that JSON's parser can make, and more than a schema would let through."""
    numbers = st.integers() | st.floats() | st.sampled_from([10**400, -1, 0, 2**63, 1e308])
    leaves = st.none() | st.booleans() | numbers | strings()
    return st.one_of(
        leaves,
        st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings(), inner, max_size=3)),
        st.sampled_from([50, sys.getrecursionlimit() - 200, 10_000]).map(deep),
        st.sampled_from(["x" * 300_000, ["x"] * 5_000, {str(number): number for number in range(5_000)}]),
    )


@st.composite
def broken(draw: DrawFn, document: Document, below: tuple[str, ...] = ("spec", "status")) -> Document:
    """`document` with one to four of its parts below some top-level fields replaced, removed or joined by others."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 4))):
        places = [path for path in _places(changed, ()) if path[0] in below]
        if not places:
            break
        _change(draw, changed, draw(st.sampled_from(places)))
    return changed


def _change(draw: DrawFn, document: Document, path: Path) -> None:
    node: Any = document
    for part in path[:-1]:
        node = node[part]
    match draw(st.sampled_from(["replace", "text", "text", "remove", "add", "repeat"])):
        case "text":
            node[path[-1]] = draw(strings())
        case "remove":
            del node[path[-1]]
        case "add" if isinstance(node[path[-1]], dict):
            node[path[-1]][draw(strings())] = draw(things())
        case "repeat" if path[0] != "status" and isinstance(node[path[-1]], list) and node[path[-1]]:
            node[path[-1]] *= draw(st.sampled_from([2, 300]))
        case _:
            node[path[-1]] = draw(things())


def _places(node: Any, path: Path) -> Iterator[Path]:
    """Where something can be changed; not in the depths that have just been put there."""
    if path:
        yield path
    if len(path) > 8:
        return
    if isinstance(node, dict):
        for key, item in list(node.items())[:50]:
            yield from _places(item, (*path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node[:50]):
            yield from _places(item, (*path, index))


# What HTTP itself lets through: a server never sees a header with a line break or outside of Latin-1.
CANARY = "canary-of-a-header"
_LATIN = st.one_of(
    st.sampled_from([one for one in HOSTILE if one.isascii() and one.isprintable()]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60),
    st.sampled_from(["x" * 5_000, "\xff\xfe", "é".encode().decode("latin-1")]),
)
_HEADER = _LATIN | _LATIN.map(lambda value: value + CANARY) | _LATIN.map(lambda value: CANARY + value)
_TYPES = st.sampled_from(
    [
        *(
            f"dev.knative.apiserver.{mode}.{change}"
            for mode in ("resource", "ref")
            for change in ("add", "update", "delete")
        ),
        *("dev.knative.sources.ping", "io.infraforge.platform.bootstrapped", "io.infraforge.gitea.push"),
        *("io.infraforge.gitea.delete", "io.infraforge.gitea.repository", "io.infraforge.gitea.", "com.example.x"),
    ]
)


def _dumped(thing: Any) -> bytes:
    try:
        return json.dumps(thing).encode()
    except RecursionError:
        return b"[" * 10_000 + b"]" * 10_000


_BODIES = st.one_of(
    st.binary(max_size=200),
    things().map(_dumped),
    st.sampled_from([b"[" * 10_000, b'{"a":' * 10_000, b"{}", b"null", b"\xff", b"x" * 3_000_000, b'"\\ud800"']),
)


@st.composite
def binary_events(draw: DrawFn, kind: str, namespace: str, name: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of an event in the binary mode, about a claim or about nothing that anybody knows."""
    headers = {
        "ce-id": "1",
        "ce-source": "https://127.0.0.1:6443",
        "ce-specversion": "1.0",
        "ce-type": draw(_TYPES),
        "ce-kind": kind,
        "ce-namespace": namespace,
        "ce-name": name,
    }
    for attribute in draw(
        st.lists(st.sampled_from([*headers, "ce-subject", "ce-time", "content-type", "ce-x"]), max_size=3)
    ):
        headers[attribute] = draw(_HEADER)
    for attribute in draw(st.lists(st.sampled_from(list(headers)), max_size=1)):
        del headers[attribute]
    return headers, draw(_BODIES)


@st.composite
def structured_events(draw: DrawFn, kind: str, namespace: str, name: str) -> tuple[dict[str, str], bytes]:
    """The same in the structured mode, where attributes are any JSON."""
    event: Document = {
        "id": "1",
        "source": "https://127.0.0.1:6443",
        "specversion": "1.0",
        "type": draw(_TYPES),
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "data": {},
    }
    for attribute in draw(st.lists(st.sampled_from([*event, "subject", "data_base64", "time", "x"]), max_size=3)):
        event[attribute] = draw(things())
    headers = {
        "content-type": draw(st.sampled_from(["application/cloudevents+json", "application/cloudevents-batch+json"]))
    }
    return headers, draw(st.just(_dumped(event)) | st.just(_dumped([event])) | st.just(_dumped(event)[:-2]))


@st.composite
def deliveries(draw: DrawFn) -> tuple[dict[str, str], bytes]:
    """Headers and body of a webhook delivery of Gitea's, not signed."""
    headers = {
        "X-Gitea-Event": draw(st.sampled_from(["push", "delete", "repository", "fork"]) | _HEADER),
        "X-Gitea-Delivery": draw(st.uuids().map(str) | _HEADER),
        "Content-Type": draw(
            st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data"])
        ),
    }
    push = {"ref": "refs/heads/main", "before": "0" * 40, "after": "a" * 40, "commits": [], "total_commits": 0,
            "repository": {"name": "voltran", "owner": {"username": "p"}, "full_name": "p/voltran"}}  # fmt: skip
    body = draw(_BODIES | broken(push, tuple(push)).map(_dumped))
    return headers, body


@st.composite
def delivered(draw: DrawFn, repository: str, commits: Sequence[str]) -> tuple[dict[str, str], bytes]:
    """Headers and body of a delivery that the Broker hands on, mostly of `repository` and its `commits`."""
    headers = {
        "ce-id": draw(st.uuids().map(str) | _HEADER),
        "ce-source": "https://gitea.test",
        "ce-specversion": "1.0",
        "ce-type": f"io.infraforge.gitea.{draw(st.sampled_from(['push', 'delete', 'repository']))}",
        "content-type": draw(st.just("application/json") | _HEADER),
    }
    names = st.just(repository) | st.just(repository) | strings()
    shas = st.sampled_from([*commits, "0" * 40, "f" * 40, "f" * 64]) | strings()
    told = st.fixed_dictionaries({"message": strings(), "author": things()}) | things()
    body: Document = {
        "ref": draw(st.sampled_from(["refs/heads/main", "main", ""]) | strings()),
        "ref_type": "branch",
        "action": draw(st.sampled_from(["created", "deleted", "transferred"]) | strings()),
        "before": draw(shas),
        "after": draw(shas),
        "total_commits": draw(st.integers(-1, 3) | things()),
        "commits": draw(st.lists(told, max_size=3) | things()),
        "repository": {"full_name": draw(names), "name": "voltran"},
    }
    plain = body | {"commits": [{"message": "m", "author": {"name": "n"}}], "total_commits": 1}
    return headers, draw(st.just(body).map(_dumped) | broken(plain, tuple(plain)).map(_dumped) | _BODIES)


@st.composite
def requests(draw: DrawFn) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers and body of anything that is no event."""
    known = st.sampled_from(["/", "/healthz", "/readyz", "/metrics", "/webhooks/gitea", "/robots.txt", "/favicon.ico"])
    segment = st.sampled_from([one for one in HOSTILE if "\ud800" not in one and "\udc00" not in one]) | st.text(
        max_size=20
    )
    target = draw(
        known | segment.map(lambda one: f"/{_quoted(one)}") | segment.map(lambda one: f"/healthz?{_quoted(one)}")
    )
    method = draw(
        st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"])
    )
    names = st.sampled_from(
        ["Host", "X-Canary", "Authorization", "Cookie", "Content-Type", "Expect", "Accept", "X-Gitea-Signature"]
    )
    return method, target, draw(st.dictionaries(names, _HEADER, max_size=3)), draw(_BODIES)


def _quoted(text: str) -> str:
    return quote(text, safe="/%{}$()", errors="replace")
