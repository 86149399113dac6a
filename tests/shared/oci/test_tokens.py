"""Challenges, as registries really write them."""

import pytest

from shared.oci.tokens import Challenge


@pytest.mark.parametrize(
    ("header", "expected", "reason"),
    [
        (
            'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:acme/shop:pull"',
            Challenge("bearer", "https://ghcr.io/token", "ghcr.io"),
            "ghcr.io",
        ),
        (
            'Bearer realm="https://auth.docker.io/token", service="registry.docker.io", scope="a,b", error="x"',
            Challenge("bearer", "https://auth.docker.io/token", "registry.docker.io"),
            "blanks, and commas within quotes",
        ),
        ("bearer realm=https://a.b/t,service=s", Challenge("bearer", "https://a.b/t", "s"), "no quotes, lower case"),
        (
            'Basic realm="x", Bearer realm="https://a.b/t"',
            Challenge("bearer", "https://a.b/t", ""),
            "two challenges: the token is better than the password",
        ),
        ('Bearer realm="https://a.b/t", Basic realm="x"', Challenge("bearer", "https://a.b/t", ""), "the first counts"),
        ('Basic realm="Registry Realm"', Challenge("basic", "Registry Realm", ""), "htpasswd"),
        (r'Bearer realm="https://a.b/\"t"', Challenge("bearer", 'https://a.b/"t', ""), "an escaped quote"),
        ("Negotiate", None, "a scheme that is not ours"),
        ("", None, "none at all"),
        ("Bearer", Challenge("bearer", "", ""), "no parameters"),
        ('Bearer realm="' + "a" * 9000 + '"', Challenge("bearer", "", ""), "cut where it is too long"),
    ],
)
def test_challenges(header: str, expected: Challenge | None, reason: str) -> None:
    found = Challenge.parse(header)
    if len(header) > 4096:
        assert found is not None, reason
        assert len(found.realm) <= 4096
        return
    assert found == expected, reason
