"""From a request's headers to the user who makes it."""

from collections.abc import Mapping
from typing import Final

from sandbox.apiserver import errors
from sandbox.apiserver.access.tokens import InvalidToken, Tokens
from sandbox.apiserver.access.users import User

_UNKNOWN: Final = "invalid bearer token"


class Authenticator:
    """Knows the users of fixed tokens (`fixed`) and the service accounts; nobody else, and nobody without a token."""

    def __init__(self, fixed: Mapping[str, User], tokens: Tokens) -> None:
        self._fixed = fixed
        self._tokens = tokens

    def user(self, authorization: str) -> User:
        """Return the user of an Authorization header; a 401 for any that says nothing."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise errors.unauthorized()
        known = self._fixed.get(token)
        if known is not None:
            return known
        try:
            return self._tokens.user(token)[0]
        except InvalidToken as error:
            raise errors.unauthorized() from error

    def reviewed(self, token: str, audiences: list[str]) -> tuple[User, list[str]]:
        """Return who a token is of and for which of the audiences, as a TokenReview asks; raises InvalidToken."""
        known = self._fixed.get(token)
        if known is None:
            try:
                return self._tokens.user(token, audiences)
            except InvalidToken as error:
                # Every way of signing in says why not; equal answers count once.
                both = dict.fromkeys((_UNKNOWN, str(error)))
                raise InvalidToken(str(error) if len(both) == 1 else f"[{', '.join(both)}]") from error
        # A fixed token says nothing of audiences, so it is the API server's own only.
        meant = [name for name in audiences or self._tokens.audiences if name in self._tokens.audiences]
        if not meant:
            raise InvalidToken(_UNKNOWN)
        return known, meant
