"""What a key says of its value: a credential, the name of one, or nothing.

detect-secrets has a detector of its own for this, which reads a line of source code and takes `existingSecret:
my-secret` and `passwordKey: password` for secrets. Values of Helm charts are full of these, so keys are judged here,
by their words.
"""

import re
from typing import Final

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST_KEY: Final = 256

_PASSWORDS: Final = frozenset({"password", "passwd", "pwd", "pass", "passphrase", "passcode", "pw", "contraseña"})
_CREDENTIALS: Final = _PASSWORDS | {"secret", "token", "apikey", "htpasswd", "credential", "credentials", "pat"}
_KEYS: Final = re.compile(
    r"api|access|secret|private|auth|account|encryption|signing|client|service|master|shared|storage|ssh|db"
    r"|database|license|hmac|crypto"
)
"""`<one of these> key` is a credential."""

_OF_A_SECRET: Final = re.compile(
    r"existing|pull|tls|ca|cert|certificate|ssl|image|ingress|issuer|registry|user|credentials|credential"
    r"|password|auth|bucket|external"
)
"""`<one of these> secret` names a Secret of Kubernetes, if the value could be such a name."""
_IS_A_SECRET: Final = re.compile(
    r"client|shared|app|consumer|oauth|jwt|session|cookie|webhook|hmac|signing|api|aws|access"
)

_RESOURCE_NAME: Final = re.compile(r"[a-z]([-a-z0-9.]{0,251}[a-z0-9])?")
_WORDS_OF_A_NAME: Final = re.compile(r"(?:[a-z]+|[0-9]{1,4}|[a-z]+[0-9])(?:[-._](?:[a-z]+|[0-9]{1,4}|[a-z]+[0-9]))+")
_NAME_OF_A_CREDENTIAL: Final = re.compile(
    r"(?:[a-z0-9]+[-._])*(?:key|password|passwd|pass|secret|token|credentials?)(?:[-._][a-z0-9]+)*", re.IGNORECASE
)
_REFERENCES: Final = re.compile(
    r"""
      \$\{.*\} | \$\(.*\) | \$[A-Za-z_]\w* | \{\{.*\}\} | %\(\w+\)s | %\w+%  # a variable or a template
    | Ag[A-Za-z0-9+/]{200,}={0,2}                                           # a sealed secret
    | <.*> | \[.*\] | ENC\[.*                                               # `<from secret>`, `[hidden]`, SOPS
    | (?:vault|ref\+\w+|op|secretref|secret|env|file|aws-sm|gcp-sm):.*      # where the secret is, and not the secret
    | arn:aws[\w-]*:.* | projects/[^/]+/secrets/.*
    | [a-z][a-z0-9+.-]*://.*                                                # userinfo in it is another question
    | \.{0,2}(?:/[\w.@-]+){2,}/?                                            # a path
    | [\w.-]+\.(?:key|pem|crt|cer|p12|jks|json|ya?ml|txt|env|conf)          # a file
    | (.)\1*                                                                # ****, xxxx
    | true|false|yes|no|on|off|null|none|nil|enabled?|disabled?|required|optional|auto|default|redacted|hidden
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def is_credential(key: str, value: str) -> bool:
    """Whether `key` says that `value` is a credential, and `value` is one rather than a pointer to it."""
    if not (value and speaks_of_credentials(key)) or is_reference(value):
        return False
    words = _words(key)
    if words[-1] == "key":  # the key of an API, or the key inside of a Secret
        return not _NAME_OF_A_CREDENTIAL.fullmatch(value)
    if words[-1] in {"secret", "credential", "credentials"}:
        return not _names_a_resource(words[-2] if len(words) > 1 else "", value)
    return True


def speaks_of_credentials(key: str, about: str = "") -> bool:
    """Whether a value under `key` would be a credential; with `about`, only a `password`, or one of `passwords`."""
    words = _words(key)
    if not words:
        return False
    if about == "passwords":
        return words[-1] == about
    if about == "password":
        return words[-1] in _PASSWORDS - {"pass", "pw"}  # of 80 percent
    if "passwords" in words[-2:]:
        return True
    return words[-1] in _CREDENTIALS or (
        words[-1] == "key" and len(words) > 1 and _KEYS.fullmatch(words[-2]) is not None
    )


def is_reference(value: str) -> bool:
    """Whether `value` says where a secret is, or that there is none."""
    return not value.strip() or bool(_REFERENCES.fullmatch(value.strip()))


def _names_a_resource(qualifier: str, value: str) -> bool:
    """Whether `value` is the name of a Secret: the qualifier says so, or it reads like one."""
    if _OF_A_SECRET.fullmatch(qualifier):
        return bool(_RESOURCE_NAME.fullmatch(value))
    return not _IS_A_SECRET.fullmatch(qualifier) and bool(_WORDS_OF_A_NAME.fullmatch(value))


def _words(key: str) -> list[str]:
    """`POSTGRES_PASSWORD`, `postgresPassword` and `postgres-password` are the same two words."""
    return [word.lower() for word in _WORD.findall(key[-_LONGEST_KEY:])]
