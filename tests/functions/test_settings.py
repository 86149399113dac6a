"""The functions' settings: documented, named by their variable when wrong, and never quoted."""

import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from functions.application.settings import ApplicationSettings
from functions.bootstrap.selftest import SelftestSettings
from functions.bootstrap.settings import BootstrapSettings
from functions.bootstrap.setup_settings import SetupSettings
from functions.platform.settings import PlatformSettings
from shared.errors import PermanentError
from shared.settings import Environment, Settings

CANARY = "canary"
CLASSES = (ApplicationSettings, BootstrapSettings, PlatformSettings)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test says."""
    monkeypatch.setenv("INFRAFORGE_GITEA_TOKEN", "a-token")


@pytest.mark.parametrize("settings", [*CLASSES, SetupSettings, SelftestSettings])
def test_every_setting_is_described(settings: type[Environment]) -> None:
    """A sentence that says what it is; the chart and the documentation are held to these."""
    for name, field in settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("settings", CLASSES)
def test_a_token_is_all_that_is_needed(settings: type[Settings]) -> None:
    read = settings.from_environment()
    assert read.gitea_secret().get_secret_value() == "a-token"
    assert read.gitea_url == "http://gitea-http.gitea.svc:3000", "as in the seed's claims"
    assert read.gitea_endpoint == read.gitea_url
    assert read.system_namespace == "platform-system"
    assert read.kubeconfig is None
    assert read.serves("anything")


def test_everything_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "GITEA_URL": "https://git.example.com/gitea/",
        "GITEA_ENDPOINT": "http://127.0.0.1:3000/",
        "KUBECONFIG": "/k",
        "CLUSTER_TYPES": '["nonprod"]',
        "ENVIRONMENT_NAMESPACES": '{"dev": ["team-a", "team-b"]}',
        "TIMEOUT": "1.5",
        "REGISTRY_MIRRORS": '{"ghcr.io": "http://127.0.0.1:5000"}',
        "VALUE_FILES": "raw",
        "OF_ANOTHER_FUNCTION": "is ignored",
    }.items():
        monkeypatch.setenv(f"INFRAFORGE_{name}", value)
    read = ApplicationSettings.from_environment()
    assert (read.gitea_url, read.gitea_endpoint) == ("https://git.example.com/gitea", "http://127.0.0.1:3000")
    assert read.kubeconfig == Path("/k")
    assert read.serves("nonprod")
    assert not read.serves("prod")
    assert read.environment_namespaces == {"dev": {"team-a", "team-b"}}
    assert read.registry_mirrors == {"ghcr.io": "http://127.0.0.1:5000"}
    assert (read.timeout, read.value_files) == (1.5, "raw")


def test_the_endpoint_follows_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFRAFORGE_GITEA_URL", "https://git.example.com/")
    assert Settings.from_environment().gitea_endpoint == "https://git.example.com"


@pytest.mark.parametrize("name", ["KUBECONFIG", "WEBHOOK_SECRET", "ARGOCD_TOKEN", "BROKER_URL", "GITEA_ENDPOINT"])
def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A chart that leaves a value out writes it empty; an empty secret would sign anybody's deliveries."""
    monkeypatch.setenv(f"INFRAFORGE_{name}", "")
    assert BootstrapSettings.from_environment() == BootstrapSettings(gitea_token=SecretStr("a-token"))


@pytest.mark.parametrize("name", ["GITEA_TOKEN", "ARGOCD_TOKEN"])
def test_a_tokens_last_newline_is_not_the_tokens(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """`echo token | base64` has one; a header cannot hold it."""
    monkeypatch.setenv(f"INFRAFORGE_{name}", "t0k3n\n")
    token = getattr(BootstrapSettings.from_environment(), name.lower())
    assert token.get_secret_value() == "t0k3n"


URL = "must be an http:// or https:// URL with a host, and without user, password and query"
TOKEN = "must be a token: printable ASCII without blanks"
JSON = 'must be JSON, such as ["a", "b"] for a list or {"a": "b"} for a map'
WRONG = [
    ("GITEA_TOKEN", f"{CANARY} {CANARY}", TOKEN, "two words"),
    ("GITEA_TOKEN", f"{CANARY}\n{CANARY}", TOKEN, "two lines: a header would be split"),
    ("GITEA_TOKEN", f"{CANARY}é", TOKEN, "no header holds it"),
    ("ARGOCD_TOKEN", f"{CANARY}\x7f", TOKEN, "a control character"),
    ("GITEA_URL", CANARY, URL, "no URL"),
    ("GITEA_URL", f"ftp://{CANARY}", URL, "another protocol"),
    ("GITEA_URL", f"http://user:{CANARY}@gitea", URL, "a password would end up in Git and in messages"),
    ("GITEA_URL", f"http://{CANARY}@gitea", URL, "a user name too: it may be a token"),
    ("GITEA_URL", f"http://gitea?token={CANARY}", URL, "a query is no part of an address"),
    ("GITEA_URL", "http://", URL, "no host"),
    ("GITEA_URL", f"http://gitea:{CANARY}", URL, "a port that is no number"),
    ("GITEA_URL", f"http://{CANARY} gitea", URL, "a blank"),
    ("GITEA_ENDPOINT", f"http://user:{CANARY}@gitea", URL, "as above"),
    ("WEBHOOK_URL", CANARY, URL, "Gitea would call nobody"),
    ("BROKER_URL", CANARY, URL, "deliveries would go nowhere"),
    ("BODY_LIMIT", CANARY, "Input should be a valid integer, unable to parse string as an integer", "no number"),
    ("BODY_LIMIT", "0", "Input should be greater than 0", "nothing would get in"),
    ("TIMEOUT", "-1", "Input should be greater than 0", "nothing would get out"),
    ("TIMEOUT", "nan", "Input should be a finite number", "no time at all"),
    ("CLUSTER_TYPES", CANARY, JSON, "a name that is no list of names"),
    ("CLUSTER_TYPES", f'{{"{CANARY}": 1}}', "Input should be a valid frozenset", "a map"),
    ("ENVIRONMENT_NAMESPACES", f'{{"{CANARY}": "{CANARY}"}}', "Input should be a valid frozenset", "no list inside"),
    ("ENVIRONMENT_NAMESPACES", f'{{"{CANARY}": [', JSON, "broken JSON"),
    ("CHART_REGISTRIES", CANARY, JSON, "no list"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "message", "why"), WRONG, ids=[f"{name}: {why}" for name, _, _, why in WRONG]
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str, why: str
) -> None:
    """One line, which names the variable and the mend; the value, which may be a secret, is nowhere in the trace."""
    monkeypatch.setenv(f"INFRAFORGE_{name}", value)
    with pytest.raises(PermanentError) as caught:
        BootstrapSettings.from_environment()
    assert str(caught.value) == f"INFRAFORGE_{name}: {message}", why
    assert caught.value.reason == "InvalidSettings"
    assert CANARY not in "".join(traceback.format_exception(caught.value))


PAIRS = [
    ("GITEA_TOKEN", Settings, "gitea_secret"),
    ("ARGOCD_TOKEN", BootstrapSettings, "argocd_secret"),
    ("WEBHOOK_SECRET", BootstrapSettings, "signing_secret"),
]


@pytest.mark.parametrize(("name", "settings", "secret"), PAIRS, ids=[case[0] for case in PAIRS])
def test_a_credential_is_given_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, settings: type[Settings], secret: str
) -> None:
    """As it is or in a file; both at once is refused, since nobody could tell which one counts."""
    (tmp_path / "file").write_text("from-the-file\n")
    monkeypatch.setenv(f"INFRAFORGE_{name}", "from-the-variable")
    assert getattr(settings.from_environment(), secret)().get_secret_value() == "from-the-variable"
    monkeypatch.setenv(f"INFRAFORGE_{name}_FILE", str(tmp_path / "file"))
    with pytest.raises(PermanentError) as caught:
        settings.from_environment()
    both = f"INFRAFORGE_{name}_FILE: both it and INFRAFORGE_{name} are set: give exactly one of the two"
    assert str(caught.value) == both
    monkeypatch.setenv(f"INFRAFORGE_{name}", "")
    read = settings.from_environment()
    assert getattr(read, secret)().get_secret_value() == "from-the-file"
    (tmp_path / "file").write_text("from-the-file-now\n")
    assert getattr(read, secret)().get_secret_value() == "from-the-file-now"


def test_a_credential_that_is_needed_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one for Gitea; the others may be left out."""
    monkeypatch.setenv("INFRAFORGE_GITEA_TOKEN", "")
    with pytest.raises(PermanentError) as caught:
        BootstrapSettings.from_environment()
    assert str(caught.value) == (
        "INFRAFORGE_GITEA_TOKEN_FILE: neither it nor INFRAFORGE_GITEA_TOKEN is set: give exactly one of the two"
    )
    monkeypatch.setenv("INFRAFORGE_GITEA_TOKEN", "a-token")
    read = BootstrapSettings.from_environment()
    assert (read.argocd_secret, read.signing_secret) == (None, None)


def test_all_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFRAFORGE_VALUE_FILES", CANARY)
    monkeypatch.setenv("INFRAFORGE_REGISTRY_TIMEOUT", "0")
    with pytest.raises(PermanentError) as caught:
        ApplicationSettings.from_environment()
    assert str(caught.value) == (
        "INFRAFORGE_VALUE_FILES: Input should be 'ref' or 'raw'; "
        "INFRAFORGE_REGISTRY_TIMEOUT: Input should be greater than 0"
    )


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither printed nor dumped."""
    for name in ("GITEA_TOKEN", "ARGOCD_TOKEN", "WEBHOOK_SECRET"):
        monkeypatch.setenv(f"INFRAFORGE_{name}", CANARY)
    settings = BootstrapSettings.from_environment()
    assert CANARY not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.from_environment().timeout = 1  # type: ignore[misc]  # this is the test
