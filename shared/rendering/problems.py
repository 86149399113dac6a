"""What Helm's schema validation says of values, one problem at a time, in plain words. Pure.

The lines are those of github.com/santhosh-tekuri/jsonschema, whose words are in its `kind` package; a line below
another one, further in, says why that one failed. Of what is not known here the words stay as they are.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.rendering.places import Place, Values, pointer

QUOTED: Final = r"'((?:[^'\\]|\\.)*)'"

_LINE: Final = re.compile(rf"( *)- at {QUOTED}: (.*)")
_TYPES: Final = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map",
    "array": "a list",
    "null": "null",
}
_GOT: Final = _TYPES | {"boolean": "a boolean"}
_NEED_QUOTES: Final = ("number", "boolean")
_CLOSE: Final = 0.75


@dataclass
class Failure:
    """One line, with those below it."""

    place: Place
    text: str
    causes: list["Failure"] = field(default_factory=list)


@dataclass(frozen=True)
class Problem:
    """What is wrong at one place. `reason` goes on where the place's name and what stands there end."""

    place: Place
    reason: str
    quotes: bool = True
    """Whether what stands there is worth being quoted."""


def failures(lines: Sequence[str], root: Place) -> list[Failure]:
    """The tree that the indented lines are, as far as they are such lines; places below `root`."""
    top: list[Failure] = []
    open_: list[tuple[int, Failure]] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        depth, failure = len(found[1]), Failure((*root, *pointer(unquoted(found[2]))), found[3])
        while open_ and open_[-1][0] >= depth:
            open_.pop()
        (open_[-1][1].causes if open_ else top).append(failure)
        open_.append((depth, failure))
    return top


def problems(failure: Failure, values: Values) -> Iterator[Problem]:
    """What is wrong, as its author would say it."""
    text = failure.text
    if text in {"'allOf' failed", "validation failed"} and failure.causes:
        for cause in failure.causes:
            yield from problems(cause, values)
    elif text in {"'anyOf' failed", "'oneOf' failed, none matched"}:
        yield _none_of(failure, values)
    elif found := re.fullmatch(r"additional properties (.*) not allowed", text):
        for name in _list(found[1]):
            yield _unknown((*failure.place, name), values)
    elif found := re.fullmatch(r"missing propert(?:y|ies) (.*)", text):
        for name in _list(found[1]):
            place = (*failure.place, name)
            is_null = values.at(place) is None
            yield Problem(place, "is null, and the chart needs it" if is_null else "is missing", quotes=False)
    elif found := re.fullmatch(rf"properties (.*) required, if {QUOTED} exists", text):
        given = values.name((*failure.place, unquoted(found[2])))
        for name in _list(found[1]):
            yield Problem((*failure.place, name), f"is missing, and {given} needs it", quotes=False)
    elif found := re.fullmatch(rf"invalid propertyName {QUOTED}", text):
        yield from _bad_name(unquoted(found[1]), failure, values)
    else:
        yield Problem(failure.place, *_plain(text))


def unquoted(text: str) -> str:
    """What stands between the quotes that Go wrote (`%q`, with a single quote for a double one)."""
    escaped = re.sub(r"\\x([0-9a-f]{2})", r"\\u00\1", text.replace("\\'", "'").replace('"', '\\"'))
    escaped = escaped.replace("\\a", "\\u0007").replace("\\v", "\\u000b")
    try:
        return str(json.loads(f'"{escaped}"'))
    except ValueError:  # e.g. \U0001f600, which Go writes for what it cannot print
        return text


def _list(text: str) -> list[str]:
    return [unquoted(one) for one in re.findall(QUOTED, text)]


def _unknown(place: Place, values: Values) -> Problem:
    close = difflib.get_close_matches(place[-1], values.siblings(place), n=1, cutoff=_CLOSE)
    meant = f"; did you mean {close[0]}?" if close else ""
    return Problem(place, f"is not known to the chart{meant}", quotes=False)


def _bad_name(name: str, failure: Failure, values: Values) -> Iterator[Problem]:
    """Validation says the name and not where it stands."""
    why = "; ".join(problem.reason for cause in failure.causes for problem in problems(cause, values))
    found = values.named(name) or [(*failure.place, name)]
    for place in found:
        yield Problem(place, f"is a name that the chart does not allow there{f': it {why}' if why else ''}", False)


def _none_of(failure: Failure, values: Values) -> Problem:
    """Of several forms none fits: what each misses."""
    reasons = []
    for cause in failure.causes:
        for problem in problems(cause, values):
            inside = ".".join(problem.place[len(failure.place) :])
            reason = f"{inside} {problem.reason}" if inside else problem.reason
            if reason not in reasons:
                reasons.append(reason)
    return Problem(failure.place, f"fits no form that the chart allows: {'; '.join(reasons) or 'it says no more'}")


def _plain(text: str) -> tuple[str, bool]:
    """The words for one failure, and whether the value itself belongs before them."""
    for form, words, quotes in _FORMS:
        found = re.fullmatch(form, text)
        if found is not None:
            return words(found), quotes
    return f"is refused: {text}", True


def _type(found: re.Match[str]) -> str:
    got, wanted = found[1], found[2].split(" or ")
    if got == "number" and wanted == ["integer"]:
        return "is not a whole number"
    wants = " or ".join(_TYPES.get(one, one) for one in wanted)
    mend = ": put it in quotes" if got in _NEED_QUOTES and wanted == ["string"] else ""
    return f"is {_GOT.get(got, got)}, not {wants}{mend}"


def _number(text: str) -> str:
    """Without the commas that Go puts between thousands."""
    return text.replace(",", "")


def _count(things: str, thing: str, end: str) -> Callable[[re.Match[str]], str]:
    def words(found: re.Match[str]) -> str:
        got, want = _number(found[1]), _number(found[2])
        has = f"has {got} {thing if got == '1' else things}" if got != "0" else "is empty"
        return f"{has}, and the chart wants {f'at {end} {want}' if want != '0' else 'it empty'}"

    return words


def _bare(text: str) -> str:
    """A list of Helm's, without its quotes."""
    return re.sub(QUOTED, lambda found: unquoted(found[1]), text)


_FORMS: Final[tuple[tuple[str, Callable[[re.Match[str]], str], bool], ...]] = (
    (r"got (\w+), want (.+)", _type, True),
    (r"maximum: got (.+), want (.+)", lambda found: f"is above {_number(found[2])}", True),
    (r"minimum: got (.+), want (.+)", lambda found: f"is below {_number(found[2])}", True),
    (r"exclusiveMaximum: got (.+), want (.+)", lambda found: f"is not below {_number(found[2])}", True),
    (r"exclusiveMinimum: got (.+), want (.+)", lambda found: f"is not above {_number(found[2])}", True),
    (r"multipleOf: got (.+), want (.+)", lambda found: f"is not a multiple of {_number(found[2])}", True),
    (r"minItems: got (.+), want (.+)", _count("entries", "entry", "least"), False),
    (r"maxItems: got (.+), want (.+)", _count("entries", "entry", "most"), False),
    (r"minProperties: got (.+), want (.+)", _count("entries", "entry", "least"), False),
    (r"maxProperties: got (.+), want (.+)", _count("entries", "entry", "most"), False),
    (r"minLength: got (.+), want (.+)", _count("characters", "character", "least"), False),
    (r"maxLength: got (.+), want (.+)", _count("characters", "character", "most"), True),
    (rf"{QUOTED} does not match pattern {QUOTED}", lambda found: f"does not match {unquoted(found[2])}", True),
    (r"value must be one of (.+)", lambda found: f"is none of {_bare(found[1])}", True),
    (r"value must be (.+)", lambda found: f"is not {_bare(found[1])}", True),
    (r"'enum' failed|'const' failed", lambda _: "is none of what the chart allows", True),
    (r"false schema", lambda _: "is not allowed by the chart", False),
    (r"'not' failed", lambda _: "is not allowed by the chart", True),
    (r"'oneOf' failed, subschemas .*", lambda _: "fits several forms of which the chart allows only one", False),
    (
        r"items at (\d+) and (\d+) are equal",
        lambda found: f"has the same entry twice, at {found[1]} and {found[2]}",
        False,
    ),
    (rf"{QUOTED} is not valid ([\w-]+): .*", lambda found: f"is not a valid {found[2]}", True),
    (r"no items match contains schema", lambda _: "lacks an entry that the chart needs", False),
)
