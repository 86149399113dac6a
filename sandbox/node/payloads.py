"""What the files of a volume are: Secrets, ConfigMaps, the downward API, tokens, and projections of these."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import yaml

from sandbox.node.api import ACCOUNT, CONFIG_MAP, SECRET, Objects
from sandbox.node.atomic import File
from sandbox.node.errors import CONTAINER_CREATING, NotStartable
from sandbox.node.pod import Pod
from sandbox.node.tokens import LIFE, Tokens

Json = dict[str, Any]

_MODE: Final = 0o644
_NOTHING: Final[Json] = {}


class Payloads:
    """Reads what the volumes of one pod hold by now. Raises `NotStartable` in the kubelet's words, and `ApiError`."""

    def __init__(self, pod: Pod, api: Objects, tokens: Tokens) -> None:
        self._pod = pod
        self._api = api
        self._tokens = tokens

    def of(self, volume: Json) -> dict[str, File] | None:
        """The files of a volume, or None for one that begins empty and is the containers' own."""
        for name, read in (("secret", self._secret), ("configMap", self._config_map), ("downwardAPI", self._downward)):
            if name in volume:
                source = volume[name] or _NOTHING
                return read(source, source.get("secretName") or source.get("name") or "", source.get("defaultMode"))
        if "projected" in volume:
            return self._projected(volume["projected"] or _NOTHING)
        if "emptyDir" in volume or set(volume) == {"name"}:
            return None
        kinds = ", ".join(sorted(set(volume) - {"name"}))
        raise NotStartable(f'volume "{volume["name"]}": the sandbox mounts no {kinds}', CONTAINER_CREATING)

    def automounts(self) -> bool:
        """Whether the pod gets its account's token: the pod's own word counts, then the account's."""
        stated = self._pod.spec.get("automountServiceAccountToken")
        if stated is None:
            account = self._api.get(ACCOUNT, self._pod.namespace, self._pod.account) or _NOTHING
            stated = account.get("automountServiceAccountToken")
        return stated is not False

    def access(self) -> dict[str, File]:
        """What every pod gets at its account's place, and a kubeconfig that reads it."""
        server, folder = self._api.server, {"namespace": File(self._pod.namespace.encode())}
        authority = {"certificate-authority": "ca.crt"} if server.authority else {}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": server.entry | authority}],
            "users": [{"name": self._pod.account, "user": {"tokenFile": "token"}}],
            "contexts": [
                {
                    "name": "sandbox",
                    "context": {"cluster": "sandbox", "user": self._pod.account, "namespace": self._pod.namespace},
                }
            ],
            "current-context": "sandbox",
        }
        return folder | {
            "ca.crt": File(server.authority),
            "kubeconfig": File(yaml.safe_dump(document, sort_keys=False).encode(), 0o600),
            "token": File(self._tokens.token().encode(), 0o600),
        }

    def _secret(self, source: Json, name: str, mode: int | None) -> dict[str, File]:
        found = self._api.get(SECRET, self._pod.namespace, name)
        if found is None and not source.get("optional"):
            raise _missing(f'secret "{name}" not found')
        return _picked(secret_data(found), source, mode, "references non-existent secret key")

    def _config_map(self, source: Json, name: str, mode: int | None) -> dict[str, File]:
        found = self._api.get(CONFIG_MAP, self._pod.namespace, name)
        if found is None and not source.get("optional"):
            raise _missing(f'configmap "{name}" not found')
        texts = {key: text.encode() for key, text in ((found or _NOTHING).get("data") or {}).items()}
        binary = {key: base64.b64decode(text) for key, text in ((found or _NOTHING).get("binaryData") or {}).items()}
        return _picked(texts | binary, source, mode, "references non-existent config key")

    def _downward(self, source: Json, _name: str, mode: int | None) -> dict[str, File]:
        files = {}
        for item in source.get("items") or ():
            path = (item.get("fieldRef") or _NOTHING).get("fieldPath", "")
            value = self._pod.field(path)
            if value is None:
                raise _missing(f"unsupported fieldPath: {path or 'none'}")
            files[item["path"]] = File(value.encode(), item.get("mode") or mode or _MODE)
        return files

    def _projected(self, volume: Json) -> dict[str, File]:
        files: dict[str, File] = {}
        mode = volume.get("defaultMode")
        for source in volume.get("sources") or ():
            if token := source.get("serviceAccountToken"):
                text = self._tokens.token(token.get("audience") or "", token.get("expirationSeconds") or LIFE)
                files[token["path"]] = File(text.encode(), mode or 0o600)
            for name, read in (
                ("secret", self._secret),
                ("configMap", self._config_map),
                ("downwardAPI", self._downward),
            ):
                if name in source:
                    files |= read(source[name], source[name].get("name") or "", mode)
        return files


def secret_data(secret: Json | None) -> dict[str, bytes]:
    """The values of a Secret; none of a Secret that is not there."""
    return {key: base64.b64decode(text or "") for key, text in ((secret or _NOTHING).get("data") or {}).items()}


def _picked(values: Mapping[str, bytes], source: Json, mode: int | None, complaint: str) -> dict[str, File]:
    if not source.get("items"):
        return {key: File(content, mode or _MODE) for key, content in values.items()}
    files = {}
    for item in source["items"]:
        if item["key"] in values:
            files[item["path"]] = File(values[item["key"]], item.get("mode") or mode or _MODE)
        elif not source.get("optional"):
            raise _missing(f"{complaint}: {item['key']}")
    return files


def _missing(message: str) -> NotStartable:
    return NotStartable(message, CONTAINER_CREATING)
