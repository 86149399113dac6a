"""What can keep a sandbox from coming up."""


class SandboxError(Exception):
    """The root: the message names what is wrong and what would mend it, and carries no credential."""


class DirectoryRefused(SandboxError):
    """The directory cannot hold a sandbox."""


class NoFreePort(SandboxError):
    """Every port that was tried is in use."""


class NotEstablished(SandboxError):
    """A real cluster did not begin to serve a kind in time."""


class NotInstalled(SandboxError):
    """The chart is not in the cluster as it has to be."""


class NotUnderstood(SandboxError):
    """An object of the installation asks for something that the stand-ins do not do."""


class OptionsDiffer(SandboxError):
    """The sandbox runs with other options than those asked for."""


class StartFailed(SandboxError):
    """A component did not come up; the message names it and ends in what it logged last."""


class TokenMissing(SandboxError):
    """A Gitea that is not the sandbox's own needs a token that only its user can give."""


class TokenRefused(SandboxError):
    """Gitea did not give a token."""
