"""A sandbox as one JSON object: what a script needs to use it."""

from typing import Any, Literal

from sandbox.supervisor.accounts import ADMINISTRATOR
from sandbox.supervisor.components import BROKER, FUNCTIONS, Blueprint
from sandbox.supervisor.sandbox import ComponentState, Sandbox

State = Literal["running", "degraded", "stopped"]


def overall(states: list[ComponentState]) -> State:
    """ "running" when everything of ours serves, "stopped" when nothing of it runs, else "degraded"."""
    ours = [one for one in states if one.state != "external"]
    if all(one.state == "ready" for one in ours):
        return "running"
    return "stopped" if all(one.state == "stopped" for one in ours) else "degraded"


def describe(sandbox: Sandbox) -> dict[str, Any]:
    """The object that `up` and `status` print.

    Keys: state, dataDir, kubeconfig (a path), gitea{url,token,organization,user,password}, broker{url}, registry{url},
    functions{NAME: {url}}, components[]{name,state,url,pid,log}. The token is the functions'; user and password are for
    people, and null where Gitea is not the sandbox's own. It is for the user's own eyes.
    """
    states = sandbox.states()
    blueprint = sandbox.blueprint
    return {"state": overall(states), **_addresses(blueprint), "components": [_entry(sandbox, one) for one in states]}


def _addresses(blueprint: Blueprint) -> dict[str, Any]:
    return {
        "dataDir": str(blueprint.directory.root),
        "kubeconfig": str(blueprint.kubeconfig),
        "gitea": {
            "url": blueprint.gitea or None,
            "organization": blueprint.options.organization,
            "token": blueprint.credentials.gitea_token,
            **_person(blueprint),
        },
        "broker": {"url": blueprint.url(BROKER) or None},
        "registry": {"url": blueprint.registry or None},
        "functions": {name: {"url": blueprint.url(name) or None} for name in FUNCTIONS},
    }


def _person(blueprint: Blueprint) -> dict[str, Any]:
    password = None if blueprint.options.gitea_url else blueprint.credentials.admin_password
    return {"user": ADMINISTRATOR if password else None, "password": password}


def _entry(sandbox: Sandbox, one: ComponentState) -> dict[str, Any]:
    log = None if one.state == "external" else str(sandbox.directory.log(one.name))
    return {"name": one.name, "state": one.state, "url": one.url or None, "pid": one.pid, "log": log}
