"""What values may be: refused by field and reason, documented one by one, and nothing that a function does not know."""

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from shared.helm import RenderFailed
from tests import tools
from tests.knative.rendering import (
    CHART,
    NAMESPACE,
    text,
)

ROW = re.compile(r"^\| `([A-Za-z.]+)` \| `(.*?)` \| (.+) \|$", re.MULTILINE)
WHOLE = re.compile(r"\.resources$")


@pytest.mark.parametrize(
    ("values", "message", "why"),
    [
        ({"nope": 1}, "at '': additional properties 'nope' not allowed", "a misspelt section"),
        ({"settings": {"giteaURL": ""}}, "at '/settings': additional properties 'giteaURL'", "a misspelt setting"),
        ({"settings": {"giteaUrl": "gitea:3000"}}, "at '/settings/giteaUrl':", "no scheme"),
        ({"settings": {"giteaUrl": "http://u:p@gitea"}}, "at '/settings/giteaUrl':", "a password in an address"),
        ({"settings": {"giteaUrl": ""}}, "at '/settings/giteaUrl':", "nothing at all"),
        ({"settings": {"argocdNamespace": "Argo"}}, "at '/settings/argocdNamespace':", "not a label"),
        ({"settings": {"clusterTypes": "nonprod"}}, "at '/settings/clusterTypes': got string", "not a list"),
        ({"settings": {"clusterTypes": ["a", "a"]}}, "at '/settings/clusterTypes': items at 0 and 1", "twice"),
        ({"settings": {"environmentNamespaces": {"dev": "dev"}}}, "'/settings/environmentNamespaces/dev'", "no list"),
        ({"settings": {"removalShare": 1.5}}, "at '/settings/removalShare': maximum: got 1.5, want 1", "a share"),
        ({"settings": {"valueFiles": "url"}}, "at '/settings/valueFiles':", "no such way"),
        ({"settings": {"timeout": 0}}, "at '/settings/timeout':", "no time at all"),
        ({"settings": {"registryMirrors": {"ghcr.io": "mirror"}}}, "at '/settings/registryMirrors/ghcr.io':", "no URL"),
        ({"settings": {"chartRegistries": ["oci://ghcr.io/a"]}}, "at '/settings/chartRegistries/0':", "a scheme"),
        ({"settings": {"lettersKept": 0}}, "at '/settings/lettersKept': minimum: got 0, want 1", "none is none"),
        ({"secrets": {"gitea": ""}}, "at '/secrets/gitea':", "the functions need it"),
        ({"secrets": {"giteaToken": "abc"}}, "at '/secrets': additional properties 'giteaToken'", "a credential"),
        ({"setup": {"adminSecret": ""}}, "at '/setup/adminSecret':", "the Job needs it"),
        ({"setup": {"tokenGeneration": "two"}}, "at '/setup/tokenGeneration': got string, want integer", "a number"),
        ({"image": {"digests": {"platform": "sha256:1"}}}, "at '/image/digests/platform':", "cut short"),
        ({"image": {"tag": "a b"}}, "at '/image/tag':", "no tag"),
        ({"image": {"pullPolicy": "Sometimes"}}, "at '/image/pullPolicy':", "no policy"),
        ({"functions": {"bootstrap": {"timeoutSeconds": 601}}}, "timeoutSeconds': maximum", "Knative's bound"),
        (
            {"functions": {"platform": {"resources": {"limit": {}}}}},
            "resources': additional properties 'limit'",
            "typo",
        ),
        ({"functions": {"deadletters": {"cacheSize": "1Gi"}}}, "additional properties 'cacheSize'", "it has no cache"),
        (
            {"functions": {"application": {"containerConcurrency": 100}}},
            "functions.application.containerConcurrency: 100 must be below settings.maxWaiting (100)",
            "503 instead of a queue",
        ),
        (
            {"settings": {"maxWaiting": 128}},
            "settings.maxWaiting: 128 must be below functions.threads (128)",
            "no thread for a probe",
        ),
        (
            {"functions": {"platform": {"minScale": 3}}},
            "functions.platform.maxScale: 2 must not be below minScale (3)",
            "Knative refuses it later",
        ),
        ({"delivery": {"timeout": "60s"}}, "at '/delivery/timeout':", "not ISO 8601"),
        ({"delivery": {"timeout": "PT0S"}}, "at '/delivery/timeout':", "Knative's webhook refuses it later"),
        ({"broker": {"config": {"name": "own"}}}, "missing properties 'apiVersion', 'kind'", "half a reference"),
        ({"delivery": {"retryAfterMax": "PT1M"}}, "additional properties 'retryAfterMax'", "alpha in Knative"),
        ({"resync": {"schedule": "@every 3m"}}, "at '/resync/schedule':", "Knative has no @every"),
        ({"broker": {"kafka": {"order": "strict"}}}, "at '/broker/kafka/order':", "no such order"),
        ({"networkPolicy": {"apiServer": ["10.0.0.1"]}}, "at '/networkPolicy/apiServer/0':", "no object"),
        ({"networkPolicy": {"apiServer": [{"cidr": "10.0.0.1/32"}]}}, "missing property 'port'", "half an object"),
        ({"rbac": {"organizations": ["a/b"]}}, "at '/rbac/organizations/0':", "no organization"),
        ({"webhook": {"public": {"enabled": True}}}, "webhook.public.host: name the host", "an Ingress for any host"),
        (
            {"webhook": {"public": {"enabled": True, "host": "a.example"}}, "secrets": {"webhook": ""}},
            "secrets.webhook: without a secret every delivery is refused",
            "nobody could verify",
        ),
        (
            {
                "webhook": {"public": {"enabled": True, "host": "a.example"}},
                "functions": {"bootstrap": {"minScale": 0}},
            },
            "functions.bootstrap.minScale: must be 1 or more while webhook.public.enabled",
            "nobody would be there",
        ),
        ({"oidc": {"issuer": "kubernetes"}}, "at '/oidc/issuer':", "no URL"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(values: dict[str, Any], message: str, why: str) -> None:
    with pytest.raises(RenderFailed) as refused:
        text(values)

    assert message in str(refused.value), why


def test_argocds_namespace_is_not_ours() -> None:
    with pytest.raises(RenderFailed, match=r"settings\.argocdNamespace: InfraForge is not installed into ArgoCD's own"):
        text({}, namespace="argocd")


def test_real_helm_refuses_it_as_well() -> None:
    """The schema is Helm's to apply, whoever asks."""
    try:
        helm = tools.helm()
    except tools.MissingToolError as error:
        pytest.skip(str(error))
    command = [helm, "template", CHART, "-n", NAMESPACE, "--set", "settings.giteaUrl=ftp://x"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (run.returncode, "at '/settings/giteaUrl'" in run.stderr) == (1, True), run.stderr


def test_every_object_of_the_schema_is_closed() -> None:
    """A value that nobody reads is refused, not ignored; but for labels, annotations and the like."""
    schema = json.loads((CHART / "values.schema.json").read_text())

    assert list(_open_objects(schema, "")) == ["/properties/global"]


def test_the_table_is_that_of_the_values() -> None:
    """README.md has every value, with its default, and no other."""
    rows = {path: json.loads(default) for path, default, _ in ROW.findall((CHART / "README.md").read_text())}

    assert rows == dict(_leaves(_defaults(), ""))


def test_every_default_is_allowed_and_every_allowed_value_has_one() -> None:
    schema, values = json.loads((CHART / "values.schema.json").read_text()), _defaults()

    assert sorted(set(schema["properties"]) - {"global"}) == sorted(values)
    assert sorted(schema["properties"]["settings"]["properties"]) == sorted(values["settings"])


def _defaults() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
    return values


def _leaves(values: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict) and value and not WHOLE.search(here):
            yield from _leaves(value, here)
        else:
            yield here, value


def _open_objects(schema: Any, path: str) -> Iterator[str]:
    if isinstance(schema, list):
        for index, one in enumerate(schema):
            yield from _open_objects(one, f"{path}/{index}")
    elif isinstance(schema, dict):
        if schema.get("type") == "object" and "additionalProperties" not in schema:
            yield path
        for key, one in schema.items():
            yield from _open_objects(one, f"{path}/{key}")
