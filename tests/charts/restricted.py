"""The "restricted" profile of the Pod Security Standards, control by control, as their text has it.

It includes the "baseline" profile. Windows' exceptions are left out: no chart here is for Windows.
Source: Kubernetes documentation, Concepts, Security, Pod Security Standards.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Pod = dict[str, Any]

VOLUMES = frozenset(
    {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
        *("persistentVolumeClaim", "projected", "secret"),
    }
)
SYSCTLS = frozenset(
    {
        *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"),
        *("net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"),
        *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
        *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    }
)
SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
SECCOMP_TYPES = frozenset({"RuntimeDefault", "Localhost"})
APPARMOR_TYPES = frozenset({"RuntimeDefault", "Localhost"})


APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"


def violations(pod: Pod, annotations: Mapping[str, str] | None = None) -> list[str]:
    """The controls that the pod specification `pod` breaks, by the standard's names, each with its place.

    `annotations` are the pod's own: AppArmor was told by them once, and still is.
    """
    found = [
        f"Host Namespaces: {name}"
        for name in ("hostNetwork", "hostPID", "hostIPC")
        if pod.get(name) not in {None, False}
    ]
    found += [
        f"Volume Types: {volume['name']} is {kind}"
        for volume in pod.get("volumes", [])
        for kind in volume.keys() - {"name"} - VOLUMES
    ]
    whole = pod.get("securityContext", {})
    found += [f"Sysctls: {item['name']}" for item in whole.get("sysctls", []) if item["name"] not in SYSCTLS]
    found += [
        f"AppArmor: {name}"
        for name, profile in (annotations or {}).items()
        if name.startswith(APPARMOR_ANNOTATION)
        and profile != "runtime/default"
        and not profile.startswith("localhost/")
    ]
    found += [f"{control}: pod" for control, broken in _EITHER.items() if broken(whole)]
    for container in _containers(pod):
        found += [f"{fault}: {container['name']}" for fault in _faults(container, whole)]
    return found


def _containers(pod: Pod) -> Iterator[dict[str, Any]]:
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        yield from pod.get(kind, [])


def _faults(container: dict[str, Any], whole: dict[str, Any]) -> Iterator[str]:
    """What `container` breaks, where the pod's own context is `whole`."""
    context = container.get("securityContext", {})
    capabilities = context.get("capabilities", {})
    if context.get("privileged"):
        yield "Privileged Containers"
    if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield "Capabilities (add)"
    if "ALL" not in capabilities.get("drop", []):
        yield "Capabilities (drop)"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "Host Ports"
    if any(handler.get(kind, {}).get("host") for handler in _handlers(container) for kind in ("httpGet", "tcpSocket")):
        yield "Host Probes / Lifecycle Hooks"
    if context.get("procMount", "Default") != "Default":
        yield "/proc Mount Type"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "Privilege Escalation"
    if context.get("runAsNonRoot") is None and whole.get("runAsNonRoot") is None:
        yield "Running as Non-root"
    if context.get("seccompProfile", whole.get("seccompProfile", {})).get("type") not in SECCOMP_TYPES:
        yield "Seccomp"
    yield from (control for control, broken in _EITHER.items() if broken(context))


def _handlers(container: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (container[name] for name in ("startupProbe", "readinessProbe", "livenessProbe") if name in container)
    yield from container.get("lifecycle", {}).values()


# What a security context may not say, of the pod or of a container.
_EITHER: dict[str, Callable[[dict[str, Any]], bool]] = {
    "HostProcess": lambda context: bool(context.get("windowsOptions", {}).get("hostProcess")),
    "AppArmor": lambda context: context.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in APPARMOR_TYPES,
    "SELinux": lambda context: (
        context.get("seLinuxOptions", {}).get("type", "") not in SELINUX_TYPES
        or any(context.get("seLinuxOptions", {}).get(name) for name in ("user", "role"))
    ),
    "Running as Non-root": lambda context: context.get("runAsNonRoot") is False,
    "Running as Non-root user": lambda context: context.get("runAsUser") == 0,
    "Seccomp (Unconfined)": lambda context: context.get("seccompProfile", {}).get("type") == "Unconfined",
}
