"""Image references: what parses to what, and what each refusal says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidClaim
from shared.oci import Reference, parse

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("repository", "registry", "path", "reason"),
    [
        ("nginx", "docker.io", "library/nginx", "a familiar name is Docker's own image"),
        ("acme/shop", "docker.io", "acme/shop", "a first part without a dot is a namespace, no host"),
        ("docker.io/nginx", "docker.io", "library/nginx", "the default registry spelt out means the same"),
        ("index.docker.io/acme/shop", "docker.io", "acme/shop", "the old name of Docker Hub"),
        ("ghcr.io/acme/shop", "ghcr.io", "acme/shop", "a dot makes it a host"),
        ("localhost/shop", "localhost", "shop", "localhost is a host without a dot"),
        ("registry:5000/shop", "registry:5000", "shop", "a port makes it a host"),
        ("[2001:db8::1]:5000/shop", "[2001:db8::1]:5000", "shop", "an IPv6 host stands in brackets"),
        ("GHCR.io/acme/shop", "ghcr.io", "acme/shop", "hosts have no case"),
        ("Registry/shop", "registry", "shop", "capitals are allowed in hosts only, so it is one"),
        ("a.b/c__d/e--f/g.h_i", "a.b", "c__d/e--f/g.h_i", "every separator of a path"),
        ("2130706433/shop", "docker.io", "2130706433/shop", "a bare number is a namespace, no address"),
    ],
)
def test_parses(repository: str, registry: str, path: str, reason: str) -> None:
    assert parse(repository, "1.0") == Reference(registry, path, "1.0"), reason


@pytest.mark.parametrize(
    ("repository", "tag", "message"),
    [
        ("", "1", "image.repository is empty: write an image name, such as ghcr.io/acme/shop"),
        (
            "https://ghcr.io/acme/shop",
            "1",
            "image.repository is a URL: write the image name alone, such as ghcr.io/acme/shop",
        ),
        (
            "ghcr.io/acme/shop:1.2",
            "1",
            "image.repository 'ghcr.io/acme/shop:1.2' carries a tag: write repository: 'ghcr.io/acme/shop' "
            "and tag: '1.2'",
        ),
        ("nginx:1.2", "1", "image.repository 'nginx:1.2' carries a tag: write repository: 'nginx' and tag: '1.2'"),
        (
            f"nginx@{DIGEST}",
            "1",
            "image.repository 'nginx' carries a digest: write the name alone, and imagePolicy: Digest to pin the tag",
        ),
        (
            "bob:hunter2@ghcr.io/acme/shop",
            "1",
            "image.repository carries an @: a user name or password does not belong in a claim",
        ),
        (
            "ghcr.io/Acme/shop",
            "1",
            "image.repository 'ghcr.io/Acme/shop' has capital letters: write it in lower case",
        ),
        (
            "-bad-.io/shop",
            "1",
            "image.repository '-bad-.io/shop': '-bad-.io' is not a registry host, such as ghcr.io",
        ),
        (
            "ghcr.io:123456/shop",
            "1",
            "image.repository 'ghcr.io:123456/shop': 'ghcr.io:123456' is not a registry host, such as ghcr.io",
        ),
        (
            "ghcr.io/acme/../shop",
            "1",
            "image.repository 'ghcr.io/acme/../shop' is not an image name: parts of a-z and 0-9, joined by one of "
            ". _ __ -, with / between them",
        ),
        (
            "ghcr.io/a\nb",
            "1",
            "image.repository 'ghcr.io/a\\nb' is not an image name: parts of a-z and 0-9, joined by one of "
            ". _ __ -, with / between them",
        ),
        (
            "ghcr.io/shop\n",
            "1",
            "image.repository 'ghcr.io/shop\\n' is not an image name: parts of a-z and 0-9, joined by one of "
            ". _ __ -, with / between them",
        ),
        ("ghcr.io/" + "a" * 250, "1", "image.repository is 258 characters long: at most 255 are allowed"),
        (
            "nginx",
            "",
            "image.tag '' is not a tag: up to 128 letters, digits, . _ and -, beginning with a letter, a digit or _",
        ),
        (
            "nginx",
            "1.2\n",
            "image.tag '1.2\\n' is not a tag: up to 128 letters, digits, . _ and -, "
            "beginning with a letter, a digit or _",
        ),
        (
            "nginx",
            "-1",
            "image.tag '-1' is not a tag: up to 128 letters, digits, . _ and -, beginning with a letter, a digit or _",
        ),
        (
            "nginx",
            DIGEST,
            f"image.tag '{DIGEST}' is not a tag: up to 128 letters, digits, . _ and -, "
            "beginning with a letter, a digit or _",
        ),
    ],
)
def test_refuses_with_the_field_and_the_mend(repository: str, tag: str, message: str) -> None:
    with pytest.raises(InvalidClaim) as refused:
        parse(repository, tag)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("repository", "reason"),
    [
        ("ghcr.io//shop", "an empty part"),
        ("/shop", "no host before the slash"),
        ("ghcr.io/shop/", "no name after the slash"),
        ("ghcr.io/a___b", "three underscores"),
        ("ghcr.io/a..b", "two dots"),
        ("ghcr.io/.a", "a part that begins with a separator"),
        ("gh_cr.io/a", "an underscore in a host"),
        ("ghcr.io/ä", "a letter outside ASCII"),
        ("ghcr.io/a%2e", "percent encoding"),
        ("ghcr.io/a?x=1", "a query"),
        ("ghcr.io/a#x", "a fragment"),
        ("ghcr.io\\evil/a", "a backslash"),
        ("[fe80::1%eth0]/a", "an IPv6 zone"),
        ("f" * 64, "64 hexadecimal digits are an image ID"),
    ],
)
def test_refuses(repository: str, reason: str) -> None:
    with pytest.raises(InvalidClaim):
        parse(repository, "1.0")


def test_names_the_field_that_the_caller_gave() -> None:
    with pytest.raises(InvalidClaim, match=r"^spec\.applications\[3\]\.image\.repository is empty"):
        parse("", "1", field="spec.applications[3].image")


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(InvalidClaim) as refused:
        parse("ghcr.io/" + "A" * 4000, "1")
    assert len(str(refused.value)) < 200


@given(st.text(max_size=60), st.text(max_size=20))
def test_whatever_parses_parses_to_itself_again(repository: str, tag: str) -> None:
    """And everything else is an InvalidClaim, never another exception."""
    try:
        found = parse(repository, tag)
    except InvalidClaim:
        return
    assert parse(found.name, found.tag) == found
