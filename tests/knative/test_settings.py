"""What a function is told by the chart, held against the settings that its own code reads."""

import json
import re
from typing import Any

import pytest
import yaml

from functions.application.settings import ApplicationSettings
from functions.bootstrap.settings import BootstrapSettings
from functions.deadletters.settings import DeadLettersSettings
from functions.platform.settings import PlatformSettings
from shared.settings import Serving
from tests.knative.rendering import (
    ALL,
    CHART,
    EVERYTHING,
    NAMESPACE,
    OPTIONS,
    environment,
    knative_service,
    merged,
    render,
)

FUNCTIONS: dict[str, type[Serving]] = {
    "bootstrap": BootstrapSettings,
    "application": ApplicationSettings,
    "platform": PlatformSettings,
    "deadletters": DeadLettersSettings,
}
NOT_FOR_A_CLUSTER = {
    "kubeconfig": "a pod has its service account",
    "gitea_token": "credentials come in files",
    "argocd_token": "credentials come in files",
    "webhook_secret": "credentials come in files",
    "charts_dir": "the image has them",
    "platform_charts_dir": "the image has them",
}
FILES = {
    "GITEA_TOKEN_FILE": "/var/run/infraforge/gitea/token",
    "ARGOCD_TOKEN_FILE": "/var/run/infraforge/argocd/token",
    "WEBHOOK_SECRET_FILE": "/var/run/infraforge/webhook/secret",
    "REGISTRY_CREDENTIALS_FILE": "/var/run/infraforge/registry/.dockerconfigjson",
    "GITEA_CA_FILE": "/var/run/infraforge/certificates/ca.crt",
    "BROKER_TOKEN_FILE": "/var/run/infraforge/broker/token",
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("option", ALL)
def test_every_variable_is_a_setting(function: str, option: str) -> None:
    """A variable that the function does not know does nothing, and nobody would notice."""
    known = {f"INFRAFORGE_{name.upper()}" for name in FUNCTIONS[function].model_fields}
    known.add("THREADS")

    assert set(environment(knative_service(render(ALL[option]), function))) - known == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_setting_can_be_said(function: str) -> None:
    """By a value, by the release or by a Secret; but for what makes no sense on a cluster."""
    values = merged(EVERYTHING, {"secrets": {"registry": "pull"}}, OPTIONS["oidc"])
    said = set(environment(knative_service(render(values), function)))
    wanted = {name for name in FUNCTIONS[function].model_fields if name not in NOT_FOR_A_CLUSTER}

    if function == "deadletters":
        wanted.discard("gitea_ca_file")  # it asks no Gitea

    assert {f"INFRAFORGE_{name.upper()}" for name in wanted} - said == set()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("option", ["default", "settings", "everything"])
def test_a_function_reads_what_it_is_told(function: str, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that a pod starts with, through the function's own code."""
    told = environment(knative_service(render(ALL[option]), function))
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    read = FUNCTIONS[function].from_environment()

    assert read.system_namespace == NAMESPACE
    assert read.max_waiting < int(told["THREADS"])
    assert read.sender_audience == (f"infraforge-{function}" if "oidc" in option or option == "everything" else None)
    if option != "default" and function == "application":
        assert read.model_dump()["registry_mirrors"] == {"ghcr.io": "http://127.0.0.1:5000"}
        assert read.model_dump()["environment_namespaces"] == {"dev": {"dev", "dev-tools"}}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_credential_is_a_file_that_is_mounted(function: str) -> None:
    values = merged(EVERYTHING, {"secrets": {"registry": "pull"}})
    pod = knative_service(render(values), function)["spec"]["template"]["spec"]
    told = environment(knative_service(render(values), function))
    mounts = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount.get("readOnly")}
    files = {name: path for name, path in told.items() if name.endswith("_FILE")}

    assert {path.rpartition("/")[0] for path in files.values()} == mounts
    assert files == {f"INFRAFORGE_{name}": path for name, path in FILES.items() if f"INFRAFORGE_{name}" in files}
    assert all(volume["secret"]["defaultMode"] == 0o444 for volume in pod["volumes"] if "secret" in volume)


@pytest.mark.parametrize(
    ("function", "secrets"),
    [
        ("bootstrap", {"infraforge-gitea", "infraforge-argocd", "infraforge-webhook"}),
        ("application", {"infraforge-gitea", "pull"}),
        ("platform", {"infraforge-gitea"}),
        ("deadletters", set()),
    ],
)
def test_a_function_sees_only_its_own_credentials(function: str, secrets: set[str]) -> None:
    service = knative_service(render({"secrets": {"registry": "pull"}}), function)
    volumes = service["spec"]["template"]["spec"]["volumes"]

    assert {volume["secret"]["secretName"] for volume in volumes if "secret" in volume} == secrets


def test_the_administrators_password_is_the_jobs_alone() -> None:
    users = [
        one["metadata"]["name"]
        for one in render()
        if '"secretName": "gitea-admin"' in json.dumps(one) and one["kind"] != "CustomResourceDefinition"
    ]

    assert users == ["infraforge-setup"]


def test_every_function_is_told_alike() -> None:
    """Value files and namespaces: two functions write one set of files."""
    told = [environment(knative_service(render(), one)) for one in ("bootstrap", "application", "platform")]

    for name in ("VALUE_FILES", "GITEA_URL", "ARGOCD_NAMESPACE", "SYSTEM_NAMESPACE", "REMOVAL_LIMIT"):
        assert len({one[f"INFRAFORGE_{name}"] for one in told}) == 1, name


def test_the_defaults_are_the_functions_own() -> None:
    """What the chart says unasked is what a function would have taken without it."""
    own: dict[str, Any] = {}
    for settings in FUNCTIONS.values():
        own |= settings.model_fields
    for name, value in yaml.safe_load((CHART / "values.yaml").read_text())["settings"].items():
        field = own[_snake(name)]
        default = field.get_default() if field.default_factory is None else []
        empty = default is None or (not isinstance(default, str | int | float) and not default)
        assert (value in ("", [], {})) if empty else value == _plain(default), name


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
