"""Access control as one thing: who asks, whether they may, and what that leaves in the audit log."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from starlette.requests import Request

from sandbox.apiserver.access.attributes import Attributes, denied, forbidden
from sandbox.apiserver.access.audit import Audit
from sandbox.apiserver.access.authentication import Authenticator
from sandbox.apiserver.access.escalation import check_escalation
from sandbox.apiserver.access.impersonation import impersonated
from sandbox.apiserver.access.rbac import Rbac
from sandbox.apiserver.access.reviews import Reviews
from sandbox.apiserver.access.tokens import Tokens
from sandbox.apiserver.access.users import User
from sandbox.apiserver.admission.policies import Policies
from sandbox.apiserver.changes import Admit, Change
from sandbox.apiserver.storage import Storage


class Access:
    """Guards a server. `fixed` are the tokens that never change, the admin's above all."""

    def __init__(
        self, storage: Storage, fixed: Mapping[str, User], tokens: Tokens, *, audit_log: Path | None = None
    ) -> None:
        self.tokens = tokens
        self._storage = storage
        self.rbac = Rbac(storage)
        self._authenticator = Authenticator(fixed, tokens)
        self.reviews = Reviews(self._authenticator, self.rbac)
        self._policies = Policies(storage, self.rbac)
        self._audit = Audit(audit_log) if audit_log else None

    def user(self, request: Request) -> User:
        """Return who asks, or whom they act as; 401 for nobody known, 403 for whom they may not act as."""
        user = self._authenticator.user(request.headers.get("authorization", ""))
        return impersonated(user, request.headers, self.rbac)

    def check(self, user: User, wish: Attributes) -> None:
        """Raise the 403 of a user who may not."""
        decision = self.rbac.decide(user, wish)
        if not decision.allowed:
            raise forbidden(user, wish, decision.reason)

    def answered(self, user: User, wish: Attributes, code: int) -> None:
        """Write a request into the audit log, if there is one."""
        if self._audit is not None:
            self._audit.write(user, wish, allowed=self.rbac.decide(user, wish).allowed, code=code)

    def gate(self, user: User, wish: Attributes) -> Admit:
        """Return what judges a write of the request `wish` before it is stored."""

        def admit(change: Change) -> None:
            if change.operation == "CREATE" and wish.verb == "patch":
                self._check_creation(user, wish)
            self._check_account(change)
            check_escalation(change, user, wish, self.rbac)
            self._policies.admit(change, user, wish)

        return admit

    def close(self) -> None:
        """Close the audit log."""
        if self._audit is not None:
            self._audit.close()

    def _check_account(self, change: Change) -> None:
        """Refuse a new pod of an account that is not there; namespaces have no `default` account here, so it passes.

        Source: k8s.io/kubernetes, plugin/pkg/admission/serviceaccount.
        """
        if change.operation != "CREATE" or change.value is None or change.target.resource.qualified != "pods":
            return
        namespace, name = change.target.namespace, change.value["spec"]["serviceAccountName"]
        if name != "default" and self._storage.get("serviceaccounts", (namespace, name)) is None:
            text = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
            raise denied(Attributes("create", resource="pods", name=change.target.name), text)

    def _check_creation(self, user: User, wish: Attributes) -> None:
        """Judge an apply patch of what is not there: it needs the right to create as well."""
        creation = replace(wish, verb="create")
        allowed = self.rbac.decide(user, creation).allowed
        self.answered(user, creation, 201 if allowed else 403)
        self.check(user, creation)
