"""What each process is started with."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.supervisor.components import FUNCTIONS, Blueprint, Component, command
from sandbox.supervisor.credentials import OF_ARGOCD, OF_FUNCTIONS
from sandbox.supervisor.directory import DataDirectory
from sandbox.supervisor.options import Options
from sandbox.supervisor.sandbox import ALL
from shared.settings import Settings

WAITING = Settings.model_fields["max_waiting"].default
PORTS = {name: 20_001 + number for number, name in enumerate(ALL)}


@pytest.fixture
def blueprint(tmp_path: Path) -> Blueprint:
    directory = DataDirectory(tmp_path)
    directory.create()
    made = Blueprint(directory, Options(), PORTS)
    made.credentials.ensure()
    made.credentials.keep(OF_FUNCTIONS, "t0ken-of-the-functions")
    made.credentials.keep(OF_ARGOCD, "t0ken-of-argocd")
    return made


def named(blueprint: Blueprint, name: str) -> Component:
    return next(component for component in blueprint.components() if component.name == name)


def test_all_of_it_is_ours_by_default(blueprint: Blueprint) -> None:
    assert [component.name for component in blueprint.components()] == list(ALL)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (Options(kubeconfig="/elsewhere/kubeconfig"), "apiserver"),
        (Options(gitea_url="https://gitea.example.com"), "gitea"),
        (Options(registry="https://ghcr.io"), "registry"),
        (Options(event_source="external"), "source"),
        (Options(argocd="external"), "argocd"),
        (Options(argocd="off"), "argocd"),
    ],
)
def test_each_part_can_be_the_real_one(blueprint: Blueprint, options: Options, missing: str) -> None:
    names = [component.name for component in replace(blueprint, options=options).components()]
    assert names == [name for name in ALL if name != missing]


def test_the_real_parts_addresses_are_used(blueprint: Blueprint) -> None:
    options = Options(
        kubeconfig="/elsewhere/kubeconfig", gitea_url="https://gitea.example.com", registry="https://ghcr.io"
    )
    settings = named(replace(blueprint, options=options), "application").environment()
    assert settings["INFRAFORGE_KUBECONFIG"] == "/elsewhere/kubeconfig"
    assert settings["INFRAFORGE_GITEA_ENDPOINT"] == "https://gitea.example.com"
    assert json.loads(settings["INFRAFORGE_REGISTRY_MIRRORS"]) == {"ghcr.io": "https://ghcr.io"}


def test_argocd_reads_what_git_says_where_it_is(blueprint: Blueprint) -> None:
    """The address in Git and the one to connect to, and the registry that stands for the charts' own."""
    arguments = named(blueprint, "argocd").arguments
    given = dict(zip(arguments[2::2], arguments[3::2], strict=True))
    assert given["--gitea-url"] == "http://gitea-http.gitea.svc:3000"
    assert given["--gitea-endpoint"] == f"http://127.0.0.1:{PORTS['gitea']}"
    assert given["--registry-mirror"] == f"ghcr.io=http://127.0.0.1:{PORTS['registry']}"


def test_claims_and_git_name_the_installations_address_not_the_port(blueprint: Blueprint) -> None:
    settings = named(blueprint, "platform").environment()
    assert settings["INFRAFORGE_GITEA_URL"] == "http://gitea-http.gitea.svc:3000"
    assert settings["INFRAFORGE_GITEA_ENDPOINT"] == f"http://127.0.0.1:{PORTS['gitea']}"


def test_no_secret_is_on_a_command_line(blueprint: Blueprint) -> None:
    credentials = blueprint.credentials
    secrets = [
        credentials.admin_password_file.read_text().strip(),
        credentials.webhook_secret,
        credentials.gitea_token,
        credentials.argocd_token,
    ]
    lines = " ".join(" ".join(command(component)) for component in blueprint.components())
    assert all(secret and secret not in lines for secret in secrets)


def test_only_bootstrap_gets_argocds_token_and_the_webhooks_secret(blueprint: Blueprint) -> None:
    holders = [name for name in FUNCTIONS if "INFRAFORGE_ARGOCD_TOKEN" in named(blueprint, name).environment()]
    assert holders == ["bootstrap"]
    assert "INFRAFORGE_WEBHOOK_SECRET" not in named(blueprint, "application").environment()


def test_without_a_token_for_argocd_bootstrap_gets_none(blueprint: Blueprint) -> None:
    """An empty one would become ArgoCD's credential."""
    blueprint.credentials.forget_tokens()
    assert "INFRAFORGE_ARGOCD_TOKEN" not in named(blueprint, "bootstrap").environment()


def test_functions_wait_for_the_cluster_and_for_their_token(blueprint: Blueprint) -> None:
    assert all(named(blueprint, name).needs == {"cluster", "tokens"} for name in FUNCTIONS)


def test_a_function_has_more_threads_than_events_may_wait(blueprint: Blueprint) -> None:
    """Else a full queue would let nobody in to hear 503, and no probe."""
    threads = int(named(blueprint, "application").environment()["THREADS"])
    assert threads > WAITING


def test_credentials_are_made_once(blueprint: Blueprint) -> None:
    before = blueprint.credentials.webhook_secret, blueprint.credentials.admin_password_file.read_text()
    blueprint.credentials.ensure()
    again = Blueprint(blueprint.directory, Options(), PORTS).credentials
    assert (again.webhook_secret, again.admin_password_file.read_text()) == before
    assert {file.stat().st_mode & 0o077 for file in again.folder.iterdir()} == {0}
