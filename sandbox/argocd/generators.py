"""The generators of an ApplicationSet: what parameters its template is executed with (applicationset/generators)."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import yaml

from sandbox.argocd.api import Json
from sandbox.argocd.repositories import Repositories, RepositoryError
from sandbox.argocd.templates import Templates, refill, strings

Params = dict[str, Any]

GIT: Final = "git"
_LONGEST_NAME: Final = 253
_COVERED: Final = ("git", "list", "merge", "matrix")
_ABOUT: Final = frozenset({"template", "selector"})


class GeneratorFailed(Exception):
    """The parameters cannot be generated; the text is ArgoCD's."""


@dataclass(frozen=True)
class Generated:
    """One Application's parameters, and what its generator puts over the set's template."""

    params: Params
    template: Json


@dataclass(frozen=True)
class Generators:
    """What generators read from. `options` are the set's `goTemplateOptions`; `anew`: no remembered head will do."""

    repositories: Repositories
    templates: Templates
    options: Sequence[str]
    anew: bool

    def generate(self, generator: Json) -> list[Generated]:
        """The parameters of one entry of `spec.generators`. Raises `GeneratorFailed`."""
        for name, content in generator.items():
            if name in _COVERED:
                found = getattr(self, f"_{name}")(content)
                return [Generated(params, content.get("template") or {}) for params in found]
            if name not in _ABOUT:
                raise GeneratorFailed(
                    f"the sandbox's ArgoCD does not cover the {name} generator: git, list, merge, matrix"
                )
        raise GeneratorFailed("no generator found")

    def _git(self, content: Json) -> Iterator[Params]:
        url, revision = content["repoURL"], content.get("revision", "")
        what = "directories" if content.get("directories") else "files"
        if not content.get(what):
            raise GeneratorFailed(
                "error generating params from git: error selecting a generator: no directories or files"
            )
        kind = "Directories" if what == "directories" else "Files"
        prefix = (
            f"error generating params from git: error getting {what} from repo: error retrieving Git {kind}: "
            "rpc error: code = Internal desc = "
        )
        try:
            commit = self.repositories.resolve(url, revision, anew=self.anew)
        except RepositoryError as error:
            raise GeneratorFailed(f"{prefix}unable to resolve git revision : {error}") from error
        try:
            listing = self.repositories.listing(url, commit)
            found = (
                _directories(content["directories"], listing)
                if what == "directories"
                else self._files(content["files"], url, listing)
            )
        except RepositoryError as error:
            raise GeneratorFailed(f"{prefix}{error}") from error
        values = content.get("values") or {}
        for params in found:
            yield params | self._values(values, params)

    def _files(self, wishes: Sequence[Json], url: str, listing: Mapping[str, str]) -> list[Params]:
        wanted = [_pattern(wish["path"]) for wish in wishes if not wish.get("exclude")]
        unwanted = [_pattern(wish["path"]) for wish in wishes if wish.get("exclude")]
        paths = [path for path in sorted(listing) if _matches(path, wanted) and not _matches(path, unwanted)]
        contents = self.repositories.contents(url, {path: listing[path] for path in paths})
        return [params for path in paths for params in _file_params(path, contents[path])]

    def _list(self, content: Json) -> Iterator[Params]:
        for element in content.get("elements") or []:
            yield dict(element)

    def _merge(self, content: Json) -> Iterator[Params]:
        keys = content.get("mergeKeys") or []
        sets = [self._params(generator) for generator in content.get("generators") or []]
        if len(sets) < 2:  # noqa: PLR2004 - two make a merge
            raise GeneratorFailed("found less than two generators, Merge requires two or more")
        base, *others = (_by_key(params, keys) for params in sets)
        for other in others:
            for key, params in other.items():
                if key in base:
                    base[key] = _merged(base[key], params)
        yield from base.values()

    def _matrix(self, content: Json) -> Iterator[Params]:
        first, second = content["generators"]
        for one, other in product(self._params(first), self._params(second)):
            yield _merged(one, other)

    def _params(self, generator: Json) -> list[Params]:
        return [generated.params for generated in self.generate(generator)]

    def _values(self, values: Json, params: Params) -> Params:
        if not values:
            return {}
        texts = self.templates.execute([(text, params) for text in strings(values)], self.options)
        return {"values": refill(values, iter(texts))}


def _directories(wishes: Sequence[Json], listing: Iterable[str]) -> list[Params]:
    """Folders that match, without those below or named with a dot; what is excluded wins."""
    folders = sorted(
        {"/".join(parts[:depth]) for path in listing if (parts := path.split("/")) for depth in range(1, len(parts))}
    )
    wanted = [_pattern(wish["path"]) for wish in wishes if not wish.get("exclude")]
    unwanted = [_pattern(wish["path"]) for wish in wishes if wish.get("exclude")]
    return [
        {"path": _path_params(folder)}
        for folder in folders
        if not any(part.startswith(".") for part in folder.split("/"))
        and _matches(folder, wanted)
        and not _matches(folder, unwanted)
    ]


def _path_params(folder: str) -> Json:
    segments = folder.split("/")
    return {
        "path": folder,
        "basename": segments[-1],
        "basenameNormalized": _normalized(segments[-1]),
        "segments": segments,
    }


def _file_params(path: str, content: bytes) -> Iterator[Params]:
    folder, _, name = path.rpartition("/")
    about = _path_params(folder or ".") | {"filename": name, "filenameNormalized": _normalized(name)}
    try:
        document = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise RepositoryError(f"unable to parse file: {path}: {error}") from error
    for one in document if isinstance(document, list) else [document or {}]:
        if not isinstance(one, dict):
            raise RepositoryError(f"unable to parse file: {path}: it holds no map")
        yield json.loads(json.dumps(one, default=str)) | {"path": about}


def _by_key(params: Iterable[Params], keys: Sequence[str]) -> dict[str, Params]:
    found: dict[str, Params] = {}
    for one in params:
        key = json.dumps({name: one.get(name) for name in sorted(keys)}, separators=(",", ":"))
        if key in found:
            raise GeneratorFailed(
                "error getting param sets by merge key: the parameters from a generator were not unique by the given "
                f"mergeKeys, Merge requires all param sets to be unique. Duplicate key was {key}"
            )
        found[key] = one
    return found


def _merged(one: Params, other: Params) -> Params:
    """Both maps, deeply; the other one wins."""
    both = dict(one)
    for key, value in other.items():
        mine = both.get(key)
        both[key] = _merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return both


def _pattern(path: str) -> re.Pattern[str]:
    """A glob of Go's path.Match with `**` besides, as a regular expression."""
    text, position = "", 0
    for token in re.finditer(r"\*\*/?|\*|\?|\[[^\]]+\]", path):
        text += re.escape(path[position : token.start()])
        position = token.end()
        text += {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(token[0], token[0])
    return re.compile(text + re.escape(path[position:]))


def _matches(path: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(path) for pattern in patterns)


def _normalized(name: str) -> str:
    """The name as a DNS name (applicationset/utils: SanitizeName)."""
    return re.sub(r"[^-a-z0-9.]", "-", name.lower())[:_LONGEST_NAME].strip("-.")
