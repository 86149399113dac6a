"""What a text gives away by itself: a token of a known form, a password in an address or an assignment, randomness.

Regular expressions of others meet the strings of strangers here, and some of detect-secrets' are quadratic. So a text
is shown to them in windows of bounded length, and only one that could hold a token at all.
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from shared.leaks.keys import is_credential, is_reference

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

_WINDOW: Final = 1024
_OVERLAP: Final = 256
"""As long as what makes a token known; longer tokens are known by their beginning."""

_HARMLESS: Final = re.compile(
    r"(?:[\w./:@-]*sha(?:256|512)[:-])?[0-9a-f]{32,128}"  # digests, commits
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|[a-z0-9._/-]{0,31}"
)
_COULD_MATTER: Final = re.compile(
    r"[A-Za-z0-9_+/=.:-]{16}|-----BEGIN |AGE-SECRET-KEY|@|[:=]"
    r"|(?i:pass|pwd|secret|token|key|authorization|bearer |basic )"
)

_FORMS: Final = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY|AGE-SECRET-KEY-1[0-9A-Z]{20}"
    r"|\b(?:github_pat_[0-9A-Za-z_]{22}|AIza[0-9A-Za-z_-]{35}|sk-(?:ant|proj)-[0-9A-Za-z_-]{20}|hv[sb]\.[0-9A-Za-z_-]{24}"
    r"|do[opr]_v1_[0-9a-f]{32}|hf_[A-Za-z0-9]{30}|dckr_pat_[0-9A-Za-z_-]{20}|npm_[0-9A-Za-z]{36}|whsec_[0-9A-Za-z+/]{24}"
    r"|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|xapp-\d-[0-9A-Z]+-\d+-|[rs]k_(?:live|test)_[0-9A-Za-z]{24}"
    r"|sk-[0-9A-Za-z_-]{20,80}?T3BlbkFJ|glpat-[0-9A-Za-z_-]{20}|xox[abeoprs]-[0-9A-Za-z-]{10,})"
)
"""What detect-secrets 1.5 does not know, or knows only in its older form."""

_USERINFO: Final = re.compile(r"(?<=://)[^/?#\s:@]{0,128}:([^/?#\s@]{1,256})@")
_BARE_USERINFO: Final = re.compile(
    r"(?<![\w.+%-])(?!(?:mailto|sips?|acct|xmpp|tel|git):)[\w.+%-]{1,64}:([^/\s:@]{1,128})@(?!sha\d)[\w(]"
)
_AUTHORIZATION: Final = re.compile(
    r"authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?:basic|bearer|token)\s{1,4}(\S{4,})", re.I
)
_BASIC: Final = re.compile(r"(?:basic|bearer)\s{1,4}(\S{4,})", re.I)
_ASSIGNMENTS: Final = (
    re.compile(r"\b([A-Za-z][\w.-]{0,80})(?:=|:=|=>)[\"']?([^\s\"',;&]{1,256})"),
    re.compile(r"\b([A-Za-z][\w.-]{0,80}) = [\"']?([^\s\"',;&]{1,256})[\"']?\s{0,9}$"),
    re.compile(r"^\s{0,99}(?:- )?[\"']?([A-Za-z][\w.-]{0,80})[\"']?:\s{1,9}[\"']?([^\s\"']{1,256})[\"']?,?\s{0,9}$"),
    re.compile(r"[\"']([A-Za-z][\w.-]{0,80})[\"']\s{0,9}:\s{0,9}[\"']([^\s\"']{1,256})[\"']"),
    re.compile(r"(?:^|\s)--?([A-Za-z][\w.-]{0,80})\s{1,9}[\"']?([^\s\"'-][^\s\"']{0,255})"),
    re.compile(r"<([A-Za-z][\w.-]{0,80})>([^<\s]{1,256})</"),
)

_PUBLIC: Final = re.compile(
    r"public|publishable|site_?key|fingerprint|checksum|digest|integrity|sha\d|hash|etag|cert|ca_?bundle|thumbprint"
    r"|ssh-(?:rsa|ed25519)|ecdsa-",
    re.I,
)
_RANDOM: Final = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?:[^0-9]*[0-9]){2}")
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9+/_-]{20,200}={0,2}")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9]{12}")
_ENOUGH_ENTROPY: Final = 4.3
"""Bits a character. detect-secrets' own limit is 4.5, for whole files; random texts of 24 characters stay below it."""

_SHORTEST_BASE64: Final = 16

_NOT_ASKED: Final = frozenset(
    {
        "KeywordDetector",  # shared.leaks.keys
        "BasicAuthDetector",  # `_USERINFO`, which knows references
        "IPPublicDetector",  # an address is no credential
        "HexHighEntropyString",  # digests and commits
        "Base64HighEntropyString",  # asked for its entropy below
        "IbmCloudIamDetector",  # any 44 characters after `key`
        "OpenAIDetector",  # takes time in the square of a text's length: `_FORMS`
    }
)


def reveals(key: str, text: str) -> bool:
    """Whether `text`, which stands under `key`, holds a credential that shows without believing the key."""
    if _HARMLESS.fullmatch(text) or not _COULD_MATTER.search(text):
        return False
    lines = text.replace("\\n", "\n").splitlines()
    known = any(_is_known(window) for line in lines for window in _windows(line))
    return known or _is_authorization(key, text) or (len(lines) == 1 and _is_hidden(key, text.strip()))


def _windows(line: str) -> Iterator[str]:
    step = _WINDOW - _OVERLAP
    for start in range(0, max(len(line) - _OVERLAP, 1), step):
        yield line[start : start + _WINDOW]


def _is_known(window: str) -> bool:
    if _FORMS.search(window):
        return True
    addresses = (match[1] for form in (_USERINFO, _BARE_USERINFO) if "@" in window for match in form.finditer(window))
    if any(not is_reference(password) for password in addresses):
        return True
    pairs = (match.groups() for form in _ASSIGNMENTS for match in form.finditer(window))
    if any(is_credential(key, value) for key, value in pairs):
        return True
    return _could_be_token(window) and any(_is_token(found, window) for ask in _detectors() for found in ask(window))


def _could_be_token(window: str) -> bool:
    """Whether there is anything that is neither a word nor a digest, before detect-secrets is imported for it."""
    runs = re.findall(r"[A-Za-z0-9_+=-]{12,}", window)
    return any(re.search(r"[0-9]", run) and not _HARMLESS.fullmatch(run) for run in runs)


def _is_token(found: str, window: str) -> bool:
    """Detectors without word boundaries see tokens in the midst of ARNs and in words in capitals."""
    start = window.find(found)
    clear = start <= 0 or not (found[0].isalnum() and (window[start - 1].isalnum() or window[start - 1] == ":"))
    return clear and bool(re.search(r"[0-9]", found) or " " in found)


@lru_cache(maxsize=1)
def _detectors() -> tuple[Callable[[str], Iterator[str]], ...]:
    """Every detector of detect-secrets for a token of a known form. Imported here: it costs 0.15 s, mostly requests.

    `analyze_string` only looks; it is `analyze_line` that may ask the service whether a token is valid.
    """
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class  # noqa: PLC0415 - 0.15 s, as the docstring says

    classes: Mapping[str, type[BasePlugin]] = get_mapping_from_secret_type_to_class()
    return tuple(one().analyze_string for one in classes.values() if one.__name__ not in _NOT_ASKED)


def _is_authorization(key: str, text: str) -> bool:
    header = "authorization" in key.lower() and _BASIC.match(text[:_WINDOW])
    found = header or next((match for w in _windows(text) if (match := _AUTHORIZATION.search(w))), None)
    return found is not None and found is not False and not is_reference(found[1])


def _is_hidden(key: str, text: str) -> bool:
    """Whether the whole text is a credential in base64, or a token of no known form."""
    decoded = _decoded(text)
    return _is_random(key, text) if decoded is None else reveals(key, decoded)


def _is_random(key: str, text: str) -> bool:
    """Long enough, of all classes of characters, not public by its key, and of high entropy."""
    if not (_CHARACTERS.fullmatch(text) and _RANDOM.match(text) and _SEGMENT.search(text)) or _PUBLIC.search(key):
        return False
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString  # noqa: PLC0415 - few texts come this far

    return Base64HighEntropyString().calculate_shannon_entropy(text) >= _ENOUGH_ENTROPY


def _decoded(text: str) -> str | None:
    """What `text` says, if it is text in base64."""
    if len(text) < _SHORTEST_BASE64:
        return None
    try:
        decoded = base64.b64decode(text, validate=True).decode("ascii")
    except ValueError:
        return None
    return decoded if decoded.replace("\n", "").replace("\t", "").isprintable() else None
