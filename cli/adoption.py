"""A hand edit of generated files as the change of the claim that would have made it. Pure.

What the edit changed of the files that InfraForge had written is brought into the claim as it is now, so that what the
claim has changed since stays.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import jsonpatch

from cli.helm_values import Unreadable, read
from cli.json_patch import ABSENT, Operation, changes, merged, same
from functions.application import desired as applications
from functions.platform import desired as services
from shared.bindings import BINDINGS
from shared.claims import ApplicationClaim, PlatformClaim, parse
from shared.claims.application import Image
from shared.errors import InvalidClaim

Document = Mapping[str, Any]
Files = Mapping[str, bytes]

VALUES: Final = "values.yaml"
KEEP: Final = ".gitkeep"
_FOLLOWS: Final = "it follows from the service in the environment's PlatformClaim: change it there"
_IMAGE: Final = ("repository", "tag", "pullPolicy")
_PULL_POLICY: Final = Image.model_fields["pullPolicy"].default


@dataclass(frozen=True)
class Scope:
    """Where a claim's files are: `rows` is the list of its spec that stands for the folders in `folder`."""

    rows: str
    environment: str
    folder: str
    set_path: str
    foreign: frozenset[str]
    """Names in the folder that are another claim's."""

    @property
    def paths(self) -> tuple[str, str]:
        """What to read of a commit."""
        return (self.environment, self.set_path)

    @classmethod
    def of(cls, claim: Document) -> "Scope | None":
        """The claim's; None for a kind whose files nobody could have meant otherwise."""
        spec = claim["spec"]
        type_, name = spec.get("clusterType"), spec.get("environment")
        environment = f"environments/{type_}/{name}"
        match claim["kind"]:
            case "ApplicationClaim":
                set_path = f"appsets/{type_}/apps/{name}-appset.yaml"
                return cls("applications", environment, f"{environment}/applications", set_path, frozenset({KEEP}))
            case "PlatformClaim":
                set_path = f"appsets/{type_}/platform/{name}-platform-appset.yaml"
                return cls("services", environment, f"{environment}/platform", set_path, services.foreign() | {KEEP})
            case _:
                return None


@dataclass(frozen=True)
class Adoption:
    """`operations` (RFC 6902) for the claim; what no claim can produce is `left`, what was guessed is `assumed`."""

    operations: tuple[Operation, ...] = ()
    left: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


def adopt(claim: Document, base: Files, edited: Files) -> Adoption:
    """The patch of `claim`, as the API server has it, for what `edited` changed of `base`.

    Both are files of the claim's `Scope` by path: as InfraForge wrote them, and as somebody left them.
    """
    scope = Scope.of(claim)
    if scope is None:
        return Adoption(left=(f"the files of a {claim['kind']} follow from its environments: edit the claim instead",))
    if not any(path.startswith(f"{scope.environment}/") for path in edited):
        gone = f"{scope.environment}: nothing is left of it there, which is no edit of the claim's files"
        return Adoption(left=(gone,))
    look = _Look(claim, scope)
    for path in sorted({path for path in {**base, **edited} if base.get(path) != edited.get(path)}):
        look.at(path, base.get(path), edited.get(path))
    return look.adoption()


@dataclass
class _Look:
    """What was found so far, file by file."""

    claim: Document
    scope: Scope
    edits: list[Operation] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    added: list[Operation] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The claim's applications or services."""
        return list(self.claim["spec"].get(self.scope.rows) or ())

    def at(self, path: str, base: bytes | None, edited: bytes | None) -> None:
        """One file that differs; None where it is not there."""
        scope = self.scope
        name, _, rest = path.removeprefix(f"{scope.folder}/").partition("/")
        if path == scope.set_path:
            self.left.append(f"{path}: it follows from the whole claim: change the charts there instead")
        elif not path.startswith(f"{scope.folder}/") or name in scope.foreign:
            return  # another claim's
        elif rest != VALUES:
            self.left.append(f"{path}: a claim writes {VALUES} and nothing beside it")
        elif edited is None:
            self.removed += [index for index, row in enumerate(self.rows) if row["name"] == name]
        else:
            try:
                self._values(name, base, edited)
            except Unreadable as error:
                self.left.append(f"{path}: {error}")

    def _values(self, name: str, base: bytes | None, edited: bytes) -> None:
        rows, path = self.scope.rows, f"{self.scope.folder}/{name}/{VALUES}"
        index = next((index for index, row in enumerate(self.rows) if row["name"] == name), None)
        left: list[str] = []
        if index is not None:
            target = self._target(self.rows[index], {} if base is None else read(base), read(edited), left)
            operations = list(changes(self.rows[index], target, f"/spec/{rows}/{index}"))
        elif base is not None:
            raise Unreadable(f'"{name}" is no longer in the claim: take it back there first')
        else:
            chart = {"chart": {"name": name}} if rows == "applications" else {}
            target = self._target({"name": name, **chart}, {}, read(edited), left)
            operations = [{"op": "add", "path": f"/spec/{rows}/-", "value": target}]
        if operations and (problem := self._problem(operations)):
            self.left.append(f"{path}: {problem}")
            return
        if index is None:
            self.added += operations
            self.assumed.append(f"{name}: no file says which chart deploys it: the embedded chart {name} is assumed")
        else:
            self.edits += operations
        self.left += [f"{path}: {what}" for what in left or self._layout(name, operations, edited)]

    def _target(
        self, row: dict[str, Any], base: dict[str, Any], edited: dict[str, Any], left: list[str]
    ) -> dict[str, Any]:
        """The claim's row with what the file's edit means for it; what means nothing for it goes to `left`."""
        if self.scope.rows == "applications":
            image = _image(row.get("image") or {}, base.pop("image", {}), edited.pop("image", ABSENT), left)
            row = row | {"image": image}
            bound = _bound(row, base), _bound(row, edited)
            left += [
                f"bindings.{name}: {_FOLLOWS}" for name in sorted(row.get(BINDINGS) or ()) if _differ(name, *bound)
            ]
            base, edited = _unbound(row, base), _unbound(row, edited)
        before = row.get("values") or {}
        values = merged(base, edited, before)
        return row if same(before, values) else row | {"values": values}

    def _layout(self, name: str, operations: list[Operation], edited: bytes) -> Iterator[str]:
        """Whether the patched claim makes another file than this one, though everything in it was taken over."""
        patched = parse(self.claim["kind"], jsonpatch.apply_patch(self.claim, operations))
        made: bytes | None = None
        if isinstance(patched, ApplicationClaim):
            application = next(one for one in patched.spec.applications if one.name == name)
            found = read(edited)
            made = applications.values(
                application, found["image"].get("digest"), _bound(application.model_dump(), found)
            )
        elif isinstance(patched, PlatformClaim):
            made = services.values(next(one for one in patched.spec.services if one.name == name))
        if made != edited:
            yield "its comments, layout and order of keys are not kept, and what the claim has changed since is"

    def _problem(self, operations: list[Operation]) -> str | None:
        """Why the patched claim would be refused."""
        try:
            parse(self.claim["kind"], jsonpatch.apply_patch(self.claim, operations))
        except InvalidClaim as error:
            return f"the claim would be refused: {error}"
        return None

    def adoption(self) -> Adoption:
        """All of it as one patch; the last rows go first, so that places stay what they were."""
        rows = f"/spec/{self.scope.rows}"
        removals: list[Operation] = [
            {"op": "remove", "path": f"{rows}/{index}"} for index in sorted(self.removed)[::-1]
        ]
        operations = [*self.edits, *removals, *self.added]
        # By the time it is applied, another row may stand in its place.
        places = {str(one["path"]).split("/")[3] for one in operations} - {"-"}
        guards: list[Operation] = [
            {"op": "test", "path": f"{rows}/{place}/name", "value": self.rows[place]["name"]}
            for place in sorted(int(one) for one in places)
        ]
        if operations and (problem := self._problem(operations)):
            return Adoption(left=(*self.left, f"all of it together: {problem}"))
        return Adoption((*guards, *operations), tuple(self.left), tuple(self.assumed))


def _bound(row: Document, values: Document) -> dict[str, Any]:
    """What a file says of the services that the row is bound to."""
    found = values.get(BINDINGS)
    return {name: found[name] for name in row.get(BINDINGS) or () if name in found} if isinstance(found, dict) else {}


def _unbound(row: Document, values: dict[str, Any]) -> dict[str, Any]:
    """`values` without that: what the claim's values have to say."""
    bound = _bound(row, values)
    if not bound:
        return values
    rest = {name: one for name, one in values[BINDINGS].items() if name not in bound}
    others = {name: one for name, one in values.items() if name != BINDINGS}
    return others | ({BINDINGS: rest} if rest else {})


def _differ(name: str, base: Document, edited: Document) -> bool:
    return not same(base.get(name, ABSENT), edited.get(name, ABSENT))


def _image(row: Document, base: Any, edited: Any, left: list[str]) -> dict[str, Any]:
    """The row's image with what was changed of it."""
    if not isinstance(edited, dict) or not isinstance(base, dict):
        raise Unreadable("image: it is always there, and a map of repository, tag and pullPolicy")
    changed: dict[str, Any] = {}
    current = {"pullPolicy": _PULL_POLICY, **row}
    for key in dict.fromkeys((*base, *edited)):
        after = edited.get(key, ABSENT)
        if same(base.get(key, ABSENT), after):
            continue
        if key == "digest":
            left.append("image.digest: it follows from the tag; imagePolicy: Digest in the claim pins it")
        elif key not in _IMAGE:
            left.append(f"image.{key}: a claim's image has repository, tag and pullPolicy")
        elif not isinstance(after, str):
            left.append(f"image.{key}: it is text and always there: put it in quotes")
        elif after != current.get(key):
            changed[key] = after
    return {**row, **changed}
