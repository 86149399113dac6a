"""Registries that redirect, steal, dawdle and lie, on real sockets."""

import base64
import gzip
import threading
from collections.abc import Callable

import pytest

from shared.oci import Credentials, HostPolicy, NotAllowed, Private, Resolved, Resolver, Unavailable, parse
from shared.oci.resolver import MAX_THREADS
from tests.shared.oci.registries import (
    DIGEST,
    INDEX,
    MANIFEST,
    Asked,
    Registry,
    Reply,
    challenge,
    manifest,
    serving,
    token,
)

IMAGE = parse("ghcr.io/acme/shop", "1.2.4")
AUTH = base64.b64encode(b"bob:hunter2").decode()
PATIENT = 30.0  # where nothing is to time out, however busy the machine is
HASTY = 0.4


def asking(*registries: Registry, login: Registry | None = None, timeout: float = PATIENT) -> Resolver:
    """A resolver for which ghcr.io is the first registry, and the others are mirrors of something else."""
    hosts = ["ghcr.io", *(f"other{n}.example" for n in range(1, len(registries)))]
    mirrors = {host: registry.url for host, registry in zip(hosts, registries, strict=True)}
    auths = {login.host: {"auth": AUTH}} if login is not None else {}
    return Resolver(
        policy=HostPolicy([], mirrors), credentials=Credentials.from_docker_config({"auths": auths}), timeout=timeout
    )


def test_resolves_over_a_real_socket() -> None:
    with serving(manifest) as registry, asking(registry) as resolver:
        assert resolver.resolve(IMAGE) == Resolved(DIGEST)
        assert [asked.method for asked in registry.asked] == ["HEAD"]


def test_credentials_go_to_the_registry_s_own_token_service() -> None:
    def behaviour(asked: Asked) -> Reply:
        if asked.path == "/token":
            return token("t0k3n")
        return manifest(asked) if asked.authorization == "Bearer t0k3n" else challenge(f"{registry.url}/token")

    with serving(behaviour) as registry, asking(registry, login=registry) as resolver:
        assert resolver.resolve(IMAGE) == Resolved(DIGEST)
        assert registry.secrets == [f"Basic {AUTH}", "Bearer t0k3n"]


def test_basic_credentials_go_to_the_registry_that_asks_for_them() -> None:
    def behaviour(asked: Asked) -> Reply:
        if asked.authorization == f"Basic {AUTH}":
            return manifest(asked)
        return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})

    with serving(behaviour) as registry, asking(registry, login=registry) as resolver:
        assert resolver.resolve(IMAGE) == Resolved(DIGEST)


def test_a_thief_that_names_its_own_token_service_gets_no_credentials() -> None:
    """The registry says that tokens are issued by another host, which is allowed, and collects what it is shown."""
    with serving(lambda asked: token("t0k3n")) as thief:

        def behaviour(asked: Asked) -> Reply:
            return manifest(asked) if asked.authorization == "Bearer t0k3n" else challenge(f"{thief.url}/token")

        with serving(behaviour) as registry, asking(registry, thief, login=registry) as resolver:
            assert resolver.resolve(IMAGE) == Resolved(DIGEST)
            assert [asked.path for asked in thief.asked] == ["/token"]
            assert thief.secrets == []
            assert registry.secrets == ["Bearer t0k3n"]


def test_a_thief_that_names_the_token_service_of_another_gets_no_credentials_of_that() -> None:
    """The stranger sends us to the token service whose credentials we have: they are not shown on his word."""
    with serving(lambda asked: token("t0k3n")) as honest:

        def behaviour(asked: Asked) -> Reply:
            return challenge(f"{honest.url}/token")

        with serving(behaviour) as stranger, asking(stranger, honest, login=honest) as resolver:
            assert isinstance(resolver.resolve(IMAGE), Private)
            assert honest.secrets == []
            # What he gets to see is a token for everybody.
            assert stranger.secrets == ["Bearer t0k3n"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_gets_no_authorization(status: int) -> None:
    with serving(manifest) as target:

        def behaviour(asked: Asked) -> Reply:
            if asked.path == "/token":
                return token("t0k3n")
            if asked.authorization == "Bearer t0k3n":
                return Reply(status, {"Location": f"{target.url}/elsewhere"})
            return challenge(f"{registry.url}/token")

        with serving(behaviour) as registry, asking(registry, target, login=registry) as resolver:
            assert resolver.resolve(IMAGE) == Resolved(DIGEST)
            assert [asked.path for asked in target.asked] == ["/elsewhere"]
            assert target.secrets == []


def test_a_redirect_that_asks_for_credentials_gets_none() -> None:
    """Nor is its token service asked: the challenge that counts is the registry's own."""
    with serving(lambda asked: challenge(f"{target.url}/token")) as target:

        def behaviour(asked: Asked) -> Reply:
            return Reply(302, {"Location": f"{target.url}/v2/"})

        with serving(behaviour) as registry, asking(registry, target, login=target) as resolver:
            assert isinstance(resolver.resolve(IMAGE), Private)
            assert [asked.path for asked in target.asked] == ["/v2/"]
            assert target.secrets == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://127.0.0.1:1/", "loopback, another port"),
        ("https://localhost:1/", "loopback by name"),
        ("https://127.1/", "loopback in short"),
        ("https://2130706433/", "loopback as a number"),
        ("https://[::ffff:127.0.0.1]/", "loopback as IPv6"),
        ("http://169.254.169.254/latest/meta-data/", "the metadata service"),
        ("//10.0.0.1/", "private, without a scheme"),
        ("file:///etc/passwd", "a file"),
        ("https://u:p@ghcr.io/", "with a user name"),
    ],
)
def test_a_redirect_into_the_inner_network_is_not_followed(location: str, reason: str) -> None:
    with serving(lambda asked: Reply(302, {"Location": location})) as registry, asking(registry) as resolver:
        assert isinstance(resolver.resolve(IMAGE), NotAllowed), reason
        assert len(registry.asked) == 1


def test_a_claim_that_names_loopback_opens_no_connection() -> None:
    with serving(manifest) as registry, Resolver(policy=HostPolicy(), timeout=PATIENT) as resolver:
        port = registry.host.partition(":")[2]
        for host in (registry.host, f"localhost:{port}", f"2130706433:{port}", f"0x7f.1:{port}", f"[::1]:{port}"):
            assert isinstance(resolver.resolve(parse(f"{host}/shop", "1")), NotAllowed), host
        assert registry.asked == []


def test_redirects_come_to_an_end() -> None:
    with serving(lambda asked: Reply(302, {"Location": asked.path})) as registry, asking(registry) as resolver:
        outcome = resolver.resolve(IMAGE)
        assert outcome == Unavailable(
            f"{IMAGE} is not resolved: {registry.host} stands at the end of more than 3 redirects", 5
        )
        assert len(registry.asked) == 4


def test_a_redirect_to_an_endless_name_does_not_flood_the_message() -> None:
    location = "https://" + "a." * 20_000 + "example/"
    with serving(lambda asked: Reply(302, {"Location": location})) as registry, asking(registry) as resolver:
        outcome = resolver.resolve(IMAGE)
        assert isinstance(outcome, NotAllowed | Unavailable)
        assert len(outcome.message) < 600


Write = Callable[[bytes], object]


def drip(head: bytes, registry: Callable[[], Registry]) -> Callable[[Write], None]:
    """Sends `head`, then a byte now and then until the test ends."""

    def write(send: Write) -> None:
        send(head)
        try:
            while not registry().stopping.wait(0.05):
                send(b"x")
        except OSError:
            return

    return write


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", "no answer at all, byte by byte"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", "a header that never ends"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 100000\r\n\r\n", "a body that never ends"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", "a body without a length"),
    ],
)
def test_dripping_bytes_do_not_hold_us_up(head: bytes, reason: str) -> None:
    """Without a limit of their own these answers would not end before the test does."""

    def behaviour(asked: Asked) -> Reply:
        return Reply(405) if asked.method == "HEAD" else Reply(raw=drip(head, lambda: registry))

    with serving(behaviour) as registry, asking(registry, timeout=HASTY) as resolver:
        outcome = resolver.resolve(IMAGE)
        assert isinstance(outcome, Unavailable), reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "hangs up"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "another protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}", "hangs up in the body"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n", "a header without measure"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk that is none"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000 + b"\r\n", "headers without number"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://\xff\xfe\r\nContent-Length: 0\r\n\r\n", "a location that is noise"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "a redirect to nowhere"),
    ],
)
def test_broken_answers_say_nothing(raw: bytes, reason: str) -> None:
    def behaviour(asked: Asked) -> Reply:
        return Reply(405) if asked.method == "HEAD" else Reply(raw=lambda send: send(raw))

    with serving(behaviour) as registry, asking(registry) as resolver:
        assert isinstance(resolver.resolve(IMAGE), Unavailable | NotAllowed), reason


def test_a_body_without_end_is_cut_off() -> None:
    sent = threading.Event()

    def flood(send: Write) -> None:
        try:
            send(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\n\r\n")
            for _ in range(1000):
                send(b"x" * 1_000_000)
            sent.set()
        except OSError:
            return

    def behaviour(asked: Asked) -> Reply:
        return Reply(405) if asked.method == "HEAD" else Reply(raw=flood)

    with serving(behaviour) as registry, asking(registry) as resolver:
        outcome = resolver.resolve(IMAGE)
        assert outcome == Unavailable(
            f"{IMAGE} is not resolved: {registry.host} breaks off its answer (more than 4194304 bytes)", 5
        )
        assert not sent.is_set()


def test_a_compressed_body_is_not_unpacked() -> None:
    """We ask for none, so that a small answer cannot become a large one."""

    def behaviour(asked: Asked) -> Reply:
        assert asked.headers["accept-encoding"] == "identity"
        return Reply(200, {"Content-Encoding": "gzip", "Content-Type": INDEX}, gzip.compress(MANIFEST))

    with serving(behaviour) as registry, asking(registry) as resolver:
        assert isinstance(resolver.resolve(IMAGE), Unavailable)


def test_a_registry_that_is_down() -> None:
    with serving(manifest) as registry:
        pass
    with asking(registry) as resolver:
        outcome = resolver.resolve(IMAGE)
        assert outcome == Unavailable(
            f"{IMAGE} is not resolved: {registry.host} does not answer ([Errno 111] Connection refused)", 5
        )


def test_one_dead_registry_does_not_hold_up_a_hundred_applications() -> None:
    def silence(asked: Asked) -> Reply:
        dead.stopping.wait(30)
        return Reply(500)

    with serving(silence) as dead, serving(manifest) as alive, asking(dead, alive, timeout=3.0) as resolver:
        images = [parse(f"{'ghcr.io' if n % 2 else 'other1.example'}/acme/shop", str(n)) for n in range(100)]
        outcomes = resolver.resolve_all(images)
        # Those that were under way together, and nobody after them.
        assert len(dead.asked) <= MAX_THREADS
        assert sum(one == Resolved(DIGEST) for one in outcomes.values()) == 50
        assert sum(isinstance(one, Unavailable) for one in outcomes.values()) == 50
