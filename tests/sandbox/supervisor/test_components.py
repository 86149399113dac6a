"""What each process is started with."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from sandbox.supervisor.components import FUNCTIONS, Blueprint, Component, Launch
from sandbox.supervisor.credentials import OF_ARGOCD, OF_FUNCTIONS
from sandbox.supervisor.directory import DataDirectory
from sandbox.supervisor.knative import SERVICES
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


@pytest.fixture
def elsewhere(blueprint: Blueprint, tmp_path: Path) -> Blueprint:
    """The same in front of a real cluster, where the chart's own objects are not asked for but rendered."""
    kubeconfig = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}
    document = {"clusters": [cluster], "contexts": [{"name": "x", "context": {"cluster": "c"}}]}
    kubeconfig.write_text(yaml.safe_dump(document | {"current-context": "x"}))
    return replace(blueprint, options=Options(kubeconfig=str(kubeconfig)))


def environment(blueprint: Blueprint, name: str) -> Mapping[str, str]:
    return named(blueprint, name).launch().environment


def named(blueprint: Blueprint, name: str) -> Component:
    return next(component for component in blueprint.components() if component.name == name)


def test_all_of_it_is_ours_by_default(blueprint: Blueprint) -> None:
    assert [component.name for component in blueprint.components()] == list(ALL)


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (Options(kubeconfig="/elsewhere/kubeconfig"), {"apiserver", "node", "serving"}),
        (Options(gitea_url="https://gitea.example.com"), {"gitea"}),
        (Options(registry="https://ghcr.io"), {"registry"}),
        (Options(event_source="external"), {"source"}),
        (Options(argocd="external"), {"argocd"}),
        (Options(argocd="off"), {"argocd"}),
    ],
)
def test_each_part_can_be_the_real_one(blueprint: Blueprint, options: Options, missing: set[str]) -> None:
    """A real cluster has nodes and controllers of its own."""
    names = [component.name for component in replace(blueprint, options=options).components()]
    assert names == [name for name in ALL if name not in missing]


def test_the_real_parts_addresses_are_used(elsewhere: Blueprint) -> None:
    options = replace(elsewhere.options, gitea_url="https://gitea.example.com", registry="https://ghcr.io")
    settings = environment(replace(elsewhere, options=options), "application")
    assert settings["INFRAFORGE_KUBECONFIG"] == elsewhere.options.kubeconfig, "with the user's own rights"
    assert settings["INFRAFORGE_GITEA_ENDPOINT"] == "https://gitea.example.com"
    assert json.loads(settings["INFRAFORGE_REGISTRY_MIRRORS"]) == {"ghcr.io": "https://ghcr.io"}


def test_argocd_reads_what_git_says_where_it_is(blueprint: Blueprint) -> None:
    """The address in Git and the one to connect to, and the registry that stands for the charts' own."""
    arguments = named(blueprint, "argocd").launch().arguments
    given = dict(zip(arguments[3::2], arguments[4::2], strict=True))
    assert given["--gitea-url"] == "http://gitea-http.gitea.svc:3000"
    assert given["--gitea-endpoint"] == f"http://127.0.0.1:{PORTS['gitea']}"
    assert given["--registry-mirror"] == f"ghcr.io=http://127.0.0.1:{PORTS['registry']}"


def test_what_containers_say_is_where_the_api_server_looks(blueprint: Blueprint) -> None:
    """The folder `pod-logs` of its data directory, unless it is told another."""
    node, server = (named(blueprint, name).launch().arguments for name in ("node", "apiserver"))
    data = Path(server[server.index("--data-dir") + 1])
    assert node[node.index("--logs") + 1] == str(data / "pod-logs")
    assert "--pod-logs" not in server


def test_claims_and_git_name_the_installations_address_not_the_port(elsewhere: Blueprint) -> None:
    settings = environment(elsewhere, "platform")
    assert settings["INFRAFORGE_GITEA_URL"] == "http://gitea-http.gitea.svc:3000"
    assert settings["INFRAFORGE_GITEA_ENDPOINT"] == f"http://127.0.0.1:{PORTS['gitea']}"


def test_no_secret_is_on_a_command_line_or_in_an_environment(elsewhere: Blueprint) -> None:
    """Files alone hold them."""
    credentials = elsewhere.credentials
    secrets = [
        credentials.admin_password_file.read_text().strip(),
        credentials.webhook_secret,
        credentials.gitea_token,
        credentials.argocd_token,
    ]
    launches = [component.launch() for component in elsewhere.components()]
    shown = " ".join([*(" ".join(one.arguments) for one in launches), *(str(one.environment) for one in launches)])
    assert all(secret and secret not in shown for secret in secrets)
    token = Path(environment(elsewhere, "application")["INFRAFORGE_GITEA_TOKEN_FILE"])
    assert token.read_text() == "t0ken-of-the-functions"


def test_only_bootstrap_gets_argocds_token_and_the_webhooks_secret(elsewhere: Blueprint) -> None:
    held = {name: environment(elsewhere, name) for name in SERVICES}
    for variable in ("INFRAFORGE_ARGOCD_TOKEN_FILE", "INFRAFORGE_WEBHOOK_SECRET_FILE"):
        assert [name for name in SERVICES if variable in held[name]] == ["bootstrap"]


def test_without_a_token_for_argocd_bootstrap_gets_none(elsewhere: Blueprint) -> None:
    """An empty one would become ArgoCD's credential."""
    elsewhere.credentials.forget_tokens()
    elsewhere.credentials.keep(OF_FUNCTIONS, "another")
    foreign = replace(elsewhere, options=replace(elsewhere.options, gitea_url="https://gitea.example.com"))
    assert "INFRAFORGE_ARGOCD_TOKEN_FILE" not in environment(foreign, "bootstrap")


def test_functions_wait_for_the_cluster_and_for_their_token(blueprint: Blueprint) -> None:
    assert all(named(blueprint, name).needs == {"installation", "secrets"} for name in SERVICES)


def test_a_function_has_more_threads_than_events_may_wait(elsewhere: Blueprint) -> None:
    """Else a full queue would let nobody in to hear 503, and no probe."""
    assert all(int(environment(elsewhere, name)["THREADS"]) > WAITING for name in FUNCTIONS)


def test_what_runs_in_the_cluster_is_told_from_what_is_only_planned(blueprint: Blueprint) -> None:
    """Nothing is asked for before it is needed: no cluster answers here."""
    assert isinstance(named(blueprint, "broker").launch(), Launch)


def test_credentials_are_made_once(blueprint: Blueprint) -> None:
    before = blueprint.credentials.webhook_secret, blueprint.credentials.admin_password_file.read_text()
    blueprint.credentials.ensure()
    again = Blueprint(blueprint.directory, Options(), PORTS).credentials
    assert (again.webhook_secret, again.admin_password_file.read_text()) == before
    assert {file.stat().st_mode & 0o077 for file in again.folder.iterdir()} == {0}
