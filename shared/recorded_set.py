"""What an ApplicationSet in Git, or in the cluster, says of its rows' charts: the way back from `shared.argocd`. Pure.

A row that is held back stays in Git as it is, and that is its chart as well as its values: the old values were never
meant for the chart that the claim names now.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from shared.argocd import Chart
from shared.claims.names import CHART_REPOSITORY_PATTERN, CHART_VERSION_PATTERN, is_label

MAX_BYTES: Final = 4 * 1024 * 1024
"""A larger file is none of ours."""

_ROW: Final = "{{ .path.basename }}"
_LOOKUP: Final = re.compile(r'\{\{ get \(dict ([^()]*)\) \.path\.basename \| default (\.path\.basename|"[^"]*") \}\}')
_PAIR: Final = re.compile(r'"([^"]*)" "([^"]*)"')
_BLOCK: Final = re.compile(r'\{\{- (?:else )?if eq \.path\.basename "([^"]*)" \}\}\n(.*)\n')


def chart_of(content: bytes | None, row: str) -> Chart | None:
    """The chart that the set in `content` gives to `row`; None when that cannot be read, or is nothing of ours."""
    try:
        document = _document(content)
    except ValueError:
        return None
    return chart_in(document, row)


def gives(document: Mapping[str, Any], row: str, source: Mapping[str, str]) -> bool:
    """Whether a set makes the Application of `row` with this first source (`shared.argocd.source_of`).

    One that was read before Git's newest came to it may give the row another chart, or the chart of the row's name.
    """
    found = chart_in(document, row)
    if found is None:
        return False
    said = {"chart": found.name, "repoURL": found.registry} if found.registry else {"path": found.name}
    return all(source.get(name) == value for name, value in (said | {"targetRevision": found.revision}).items())


def chart_in(document: Mapping[str, Any], row: str) -> Chart | None:
    """As `chart_of`, of a set that is read already."""
    try:
        spec = document["spec"]
        patched = dict(_BLOCK.findall(spec.get("templatePatch") or ""))
        if row in patched:
            source = json.loads(patched[row])["spec"]["sources"][0]
            found = Chart(str(source["chart"]), str(source["targetRevision"]), str(source["repoURL"]))
        else:
            source = spec["template"]["spec"]["sources"][0]
            found = Chart(_of_row(source["path"], row), _of_row(source["targetRevision"], row))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None
    return found if _is_ours(found) else None


def _document(content: bytes | None) -> Mapping[str, Any]:
    if content is None or len(content) > MAX_BYTES:
        raise ValueError("no set of ours")
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError("no YAML") from error
    return found if isinstance(found, Mapping) else {}


def _of_row(text: str, row: str) -> str:
    """What a field that may be a template comes to for a row."""
    if text == _ROW:
        return row
    lookup = _LOOKUP.fullmatch(text)
    if lookup is None:
        return text
    table, usual = dict(_PAIR.findall(lookup[1])), lookup[2]
    return table.get(row) or (row if usual == ".path.basename" else usual.strip('"'))


def _is_ours(chart: Chart) -> bool:
    """Whether the names may stand in a template again: a stranger may have written the file."""
    registry = chart.registry is None or re.fullmatch(CHART_REPOSITORY_PATTERN, chart.registry) is not None
    return registry and is_label(chart.name) and re.fullmatch(CHART_VERSION_PATTERN, chart.revision) is not None
