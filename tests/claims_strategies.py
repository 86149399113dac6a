"""Hypothesis strategies for valid claims, as documents: what a function may meet, the traps of YAML among it."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from shared.claims.names import MAX_COMBINED_NAME, MAX_LABEL, PLATFORM_PREFIX, RESERVED_SERVICE
from shared.claims.values import MAX_BYTES

Document = dict[str, Any]

_API_VERSION = "platform.infraforge.io/v1alpha1"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

TRAPS = (
    *("", " ", "~", "null", "Null", "true", "True", "y", "Y", "yes", "no", "NO", "on", "off", "OFF"),
    *("0", "-0", "007", "0o17", "0x1F", "0b1", "1_000", "1,000", "12e4567", "1e3", "1E3", ".5", "5.", "1.10", "+1"),
    *(".inf", "-.INF", ".nan", "190:20:30", "1:2", "2001-12-14", "2001-12-14t21:59:43.10-05:00", "9223372036854775808"),
    *("a: b", "a #b", "#a", "- a", "-", "?", "? a", ": a", ":", "&a", "*a", "!a", "!!str", "%a", "@a", "`a", "|", ">"),
    *(
        "[a]",
        "{a}",
        "{{ .Values.a }}",
        "$(a)",
        "${a}",
        "'",
        '"',
        "\\",
        "\\n",
        "<<",
        "=",
        "---",
        "...",
        "a\nb",
        "a\n",
        "\n",
    ),
    *("\ta", "a\t", " a", "a ", "a\r\nb", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "é", "😀"),
)
"""Texts that some dialect of YAML, or a template, takes for something else."""

_TRAPPED_LABELS = ("on", "no", "y", "null", "true", "1e3", "0x1f", "007", "12e45", "0o17", "1-2-3", "9")

_TEXTS = st.sampled_from(TRAPS) | st.text(max_size=20)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS
)
_JSON: SearchStrategy[Any] = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4), max_leaves=12
)


def values() -> SearchStrategy[Document]:
    """Helm values: any JSON object well within `MAX_BYTES`, without `image` at the top."""
    assert MAX_BYTES > 100_000, "the strategies stay far below the bound and never filter for it"
    return st.dictionaries(_TEXTS.filter(lambda key: key != "image"), _JSON, max_size=5)


def labels(max_size: int = MAX_LABEL) -> SearchStrategy[str]:
    """DNS-1123 labels of at most `max_size` characters, those among them that look like numbers and words to YAML."""
    any_label = st.text(_LETTERS + "-", min_size=1, max_size=max_size).filter(lambda one: one.strip("-") == one)
    return any_label | st.sampled_from([one for one in _TRAPPED_LABELS if len(one) <= max_size])


@st.composite
def application_claims(draw: DrawFn) -> Document:
    """Valid ApplicationClaims with up to five applications."""
    environment = draw(labels(20))
    names = draw(_names(MAX_COMBINED_NAME - len(environment) - 1))
    spec: Document = {
        "clusterType": draw(labels()),
        "environment": environment,
        "applications": [draw(_applications(name)) for name in names],
    }
    spec |= draw(st.fixed_dictionaries({}, optional={"imagePolicy": st.sampled_from(["Tag", "Digest"])}))
    return draw(_claims("ApplicationClaim", spec))


@st.composite
def platform_claims(draw: DrawFn) -> Document:
    """Valid PlatformClaims with up to five services."""
    environment = draw(labels(20))
    names = draw(_names(MAX_COMBINED_NAME - len(environment) - len(PLATFORM_PREFIX) - 1))
    spec = {
        "clusterType": draw(labels()),
        "environment": environment,
        "services": [draw(_services(name)) for name in names],
    }
    return draw(_claims("PlatformClaim", spec))


@st.composite
def bootstrap_claims(draw: DrawFn) -> Document:
    """Valid BootstrapClaims with up to four cluster types and twelve environments."""
    types = draw(st.lists(labels(), unique=True, max_size=4))
    environments: list[str] = []
    for name in sorted(draw(st.lists(labels(20), unique=True, max_size=12 if types else 0))):
        if not any(name.startswith(f"{shorter}-") for shorter in environments):
            environments.append(name)
    owners = [draw(st.sampled_from(types)) for _ in environments]
    organization = draw(st.text("abcXYZ019", min_size=1, max_size=40) | st.sampled_from(["platform", "a.b_c-d"]))
    url = draw(st.sampled_from(["http://gitea-http.gitea.svc:3000", "https://git.example.com/gitea", "https://g/"]))
    clusters = []
    for one in types:
        cluster: Document = {
            "type": one,
            "environments": [name for name, owner in zip(environments, owners, strict=True) if owner == one],
        }
        clusters.append(cluster | draw(st.fixed_dictionaries({}, optional={"destination": _DESTINATIONS})))
    return draw(_claims("BootstrapClaim", {"gitea": {"url": url, "organization": organization}, "clusters": clusters}))


_DESTINATIONS = st.sampled_from([{"name": "in-cluster"}, {"server": "https://kubernetes.default.svc"}])


def _names(max_size: int) -> SearchStrategy[list[str]]:
    allowed = labels(max_size).filter(lambda one: one != RESERVED_SERVICE and not one.startswith(PLATFORM_PREFIX))
    return st.lists(allowed, unique=True, max_size=5)


def _applications(name: str) -> SearchStrategy[Document]:
    in_gitea = st.fixed_dictionaries(
        {"name": labels()}, optional={"source": st.sampled_from(["embedded", "repository"])}
    )
    in_registry = st.fixed_dictionaries(
        {
            "name": labels(),
            "source": st.just("oci"),
            "repository": st.sampled_from(["oci://ghcr.io/acme/charts", "registry.example.com:5000/charts"]),
            "version": st.sampled_from(["1.2.3", "1.10", "1e3", "0.1.0-rc.1+build"]),
        }
    )
    image = st.fixed_dictionaries(
        {
            "repository": st.sampled_from(["ghcr.io/infraforge/user-service", "localhost:5000/a", "nginx"]),
            "tag": st.sampled_from(["latest", "v1.2.3", "1.10", "1e3", "0x1f", "on", "_", "2001-12-14"]),
        },
        optional={"pullPolicy": st.sampled_from(["Always", "IfNotPresent", "Never"])},
    )
    return st.fixed_dictionaries(
        {"name": st.just(name), "chart": in_gitea | in_registry, "image": image},
        optional={"bindings": st.lists(labels(), unique=True, max_size=3), "values": values()},
    )


def _services(name: str) -> SearchStrategy[Document]:
    return st.fixed_dictionaries(
        {"name": st.just(name)},
        optional={
            "type": st.sampled_from(["internal", "external"]),
            "chart": st.fixed_dictionaries({"name": labels()}),
            "values": values() | st.just({"image": {"tag": "1.10"}}),
        },
    )


def _claims(kind: str, spec: Document) -> SearchStrategy[Document]:
    """`spec` in the envelope that an API server puts around it."""
    metadata = st.fixed_dictionaries(
        {
            "name": labels(),
            "namespace": labels(),
            "uid": st.uuids().map(str),
            "generation": st.integers(1, 2**31),
            "resourceVersion": st.integers(1, 2**31).map(str),
            "creationTimestamp": st.just("2025-01-01T00:00:00Z"),
        }
    )
    return metadata.map(lambda meta: {"apiVersion": _API_VERSION, "kind": kind, "metadata": meta, "spec": spec})
