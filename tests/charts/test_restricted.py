"""The check of the restricted profile finds what each control forbids."""

from typing import Any

import pytest

from tests.charts.restricted import violations


def pod(
    container: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A pod that keeps to the profile, changed."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **(context or {})}
    return {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "app", "securityContext": security, **(container or {})}],
        **fields,
    }


def test_a_restricted_pod_breaks_nothing() -> None:
    assert violations(pod()) == []
    assert violations(pod(context={"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}})) == []
    assert violations(pod(volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "secret": {}}])) == []


@pytest.mark.parametrize(
    ("broken", "control"),
    [
        (pod(hostNetwork=True), "Host Namespaces: hostNetwork"),
        (pod(hostPID=True), "Host Namespaces: hostPID"),
        (pod(hostIPC=True), "Host Namespaces: hostIPC"),
        (pod(volumes=[{"name": "a", "hostPath": {"path": "/"}}]), "Volume Types: a is hostPath"),
        (pod(context={"privileged": True}), "Privileged Containers: app"),
        (pod(context={"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}), "Capabilities (add): app"),
        (pod(context={"capabilities": {"drop": ["NET_RAW"]}}), "Capabilities (drop): app"),
        (pod({"ports": [{"hostPort": 80}]}), "Host Ports: app"),
        (pod({"livenessProbe": {"httpGet": {"host": "a"}}}), "Host Probes / Lifecycle Hooks: app"),
        (pod({"lifecycle": {"preStop": {"tcpSocket": {"host": "a"}}}}), "Host Probes / Lifecycle Hooks: app"),
        (pod(context={"procMount": "Unmasked"}), "/proc Mount Type: app"),
        (pod(context={"allowPrivilegeEscalation": True}), "Privilege Escalation: app"),
        (pod(context={"runAsNonRoot": False}), "Running as Non-root: app"),
        (pod(securityContext={"seccompProfile": {"type": "RuntimeDefault"}}), "Running as Non-root: app"),
        (
            pod(
                context={"runAsNonRoot": True},
                securityContext={"runAsNonRoot": False, "seccompProfile": {"type": "RuntimeDefault"}},
            ),
            "Running as Non-root: pod",
        ),
        (
            pod(
                securityContext={
                    "runAsNonRoot": True,
                    "runAsUser": 0,
                    "seccompProfile": {"type": "RuntimeDefault"},
                }
            ),
            "Running as Non-root user: pod",
        ),
        (
            pod(
                context={"seccompProfile": {"type": "RuntimeDefault"}},
                securityContext={"runAsNonRoot": True, "seccompProfile": {"type": "Unconfined"}},
            ),
            "Seccomp (Unconfined): pod",
        ),
        (pod(context={"runAsUser": 0}), "Running as Non-root user: app"),
        (pod(context={"seLinuxOptions": {"type": "spc_t"}}), "SELinux: app"),
        (pod(context={"seLinuxOptions": {"user": "root"}}), "SELinux: app"),
        (pod(context={"appArmorProfile": {"type": "Unconfined"}}), "AppArmor: app"),
        (pod(context={"windowsOptions": {"hostProcess": True}}), "HostProcess: app"),
        (pod(securityContext={"runAsNonRoot": True}), "Seccomp: app"),
        (
            pod(
                securityContext={
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "Localhost"},
                    "sysctls": [{"name": "kernel.msgmax"}],
                }
            ),
            "Sysctls: kernel.msgmax",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_control_is_looked_at(broken: dict[str, Any], control: str) -> None:
    assert violations(broken) == [control]


@pytest.mark.parametrize(
    ("profile", "broken"), [("runtime/default", False), ("localhost/shop", False), ("unconfined", True)]
)
def test_apparmors_annotations_are_looked_at(profile: str, broken: bool) -> None:
    """A cluster of before 1.30 knows no other way, and later ones still obey it."""
    name = "container.apparmor.security.beta.kubernetes.io/app"

    assert violations(pod(), {name: profile, "example.com/note": "x"}) == ([f"AppArmor: {name}"] if broken else [])


def test_other_containers_are_looked_at_as_well() -> None:
    extra = {"name": "init", "securityContext": {}}

    assert violations(pod(initContainers=[extra])) == ["Capabilities (drop): init", "Privilege Escalation: init"]
