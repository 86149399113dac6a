"""Acting as somebody else: the Impersonate headers, for those who may.

Source: k8s.io/apiserver, pkg/endpoints/filters/impersonation.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from starlette.datastructures import Headers

from sandbox.apiserver.access.attributes import Attributes, forbidden
from sandbox.apiserver.access.rbac import Rbac
from sandbox.apiserver.access.users import AUTHENTICATED, User, account_groups, split_account
from sandbox.apiserver.errors import bad_request

_EXTRA: Final = "impersonate-extra-"
_ANONYMOUS: Final = ("system:anonymous", "system:unauthenticated")


def impersonated(user: User, headers: Headers, rbac: Rbac) -> User:
    """Return whom the request acts as; a 403 names the right that is missing."""
    name, uid = headers.get("impersonate-user", ""), headers.get("impersonate-uid", "")
    groups = tuple(headers.getlist("impersonate-group"))
    extra: dict[str, tuple[str, ...]] = {}
    for key in dict.fromkeys(key for key in headers if key.startswith(_EXTRA)):
        extra[unquote(key.removeprefix(_EXTRA))] = tuple(headers.getlist(key))
    if not name:
        if groups or uid or extra:
            raise bad_request(f"requested {_shown(groups, uid, extra)} without impersonating a user name")
        return user
    account = split_account(name)
    wishes = [Attributes("impersonate", resource="users", name=name)]
    if account is not None:
        wishes = [Attributes("impersonate", resource="serviceaccounts", namespace=account[0], name=account[1])]
    wishes += [Attributes("impersonate", resource="groups", name=group) for group in groups]
    mine = Attributes("impersonate", "authentication.k8s.io", "v1")
    wishes += [replace(mine, resource="uids", name=uid)] if uid else []
    for key, values in extra.items():
        wishes += [replace(mine, resource="userextras", subresource=key, name=value) for value in values]
    for wish in wishes:
        decision = rbac.decide(user, wish)
        if not decision.allowed:
            raise forbidden(user, wish, decision.reason)
    if account is not None and not groups:
        groups = account_groups(account[0])
    if name not in _ANONYMOUS and not {AUTHENTICATED, *_ANONYMOUS} & set(groups):
        groups = (*groups, AUTHENTICATED)
    return User(name, groups, uid, extra)


def _shown(groups: tuple[str, ...], uid: str, extra: Mapping[str, tuple[str, ...]]) -> str:
    """Return the user as Go prints one."""

    def strings(values: tuple[str, ...]) -> str:
        return f"{{{', '.join(json.dumps(value) for value in values)}}}"

    kept = ", ".join(f"{json.dumps(key)}:[]string{strings(values)}" for key, values in sorted(extra.items()))
    listed = f"[]string{strings(groups)}" if groups else "[]string(nil)"
    others = f"map[string][]string{{{kept}}}" if extra else "map[string][]string(nil)"
    return f'&user.DefaultInfo{{Name:"", UID:{json.dumps(uid)}, Groups:{listed}, Extra:{others}}}'
