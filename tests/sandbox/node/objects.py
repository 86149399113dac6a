"""An API server of a test's own, in memory, with a clock."""

import base64
from typing import Any

from sandbox.argocd.api import ApiError, Kind
from sandbox.node.api import ACCOUNT, CONFIG_MAP, SECRET, Server, Token

Json = dict[str, Any]


class FakeObjects:
    """Secrets, ConfigMaps and ServiceAccounts of the namespace `platform-system`."""

    def __init__(self) -> None:
        self.server = Server({"server": "https://127.0.0.1:6443"}, b"PEM")
        self.time = 1_000_000.0
        self.asked: list[Json] = []
        self.down = False
        self._objects: dict[tuple[str, str], Json] = {}

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        return self._objects.get((kind.kind, name)) if namespace == "platform-system" else None

    def token(self, namespace: str, account: str, spec: Json) -> Token | None:
        if self.down:
            raise ApiError(0, "the API server does not answer")
        if self.get(ACCOUNT, namespace, account) is None:
            return None
        self.asked.append(spec)
        return Token(f"token-{len(self.asked)}", self.time, self.time + spec["expirationSeconds"])

    def secret(self, name: str, **values: str) -> None:
        """Create or replace a Secret."""
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self._objects[SECRET.kind, name] = {"data": data}

    def config_map(self, name: str, **values: str) -> None:
        """Create or replace a ConfigMap."""
        self._objects[CONFIG_MAP.kind, name] = {"data": values}

    def account(self, name: str, uid: str = "1", **more: Any) -> None:
        """Create or replace a ServiceAccount."""
        self._objects[ACCOUNT.kind, name] = {"metadata": {"name": name, "uid": uid}, **more}
