"""The chain of a claim: facts in, links out. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cli.why.argocd_links import application_link, root_link, set_link
from cli.why.claim_links import claim_links, row_link, told_link
from cli.why.facts import BOOTSTRAP, Facts, Row
from cli.why.links import Link
from cli.why.object_links import object_links

MAX_OBJECTS: Final = 5


@dataclass(frozen=True)
class Branch:
    """What is of one row only; it ends at the first link that is not well, and objects stand there together."""

    row: str
    links: tuple[Link, ...]

    @property
    def first(self) -> Link | None:
        """The first that is not well, and not only because of what is below it."""
        open_ = [link for link in self.links if not link.is_well]
        return next((link for link in open_ if not link.is_from_below), next(iter(open_), None))


@dataclass(frozen=True)
class Chain:
    """The links that all rows share, and the branches of the rows; none when something shared is not well."""

    shared: tuple[Link, ...]
    branches: tuple[Branch, ...] = ()

    @property
    def first(self) -> Link | None:
        """The first that is not well; of several rows one that does not mend itself."""
        found = [link for link in self.shared if not link.is_well]
        found += [branch.first for branch in self.branches if branch.first is not None]
        return next((link for link in found if link.state == "wrong"), next(iter(found), None))


def chain(facts: Facts) -> Chain:
    """From the claim's generation to the objects that run, as far as it is well."""
    shared = list(_until_not_well(_shared(facts)))
    if not shared[-1].is_well:
        return Chain(tuple(shared))
    rows = facts.rows
    committed = [row for row in rows if row_link(facts, row).is_well]
    if facts.argocd is None:
        shared.append(Link("argocd", "ArgoCD", "unknown", facts.blind))
    elif committed:
        shared += _until_not_well(_argocd(facts))
    is_open = facts.argocd is not None and shared[-1].is_well
    branches = [Branch(row.name, tuple(_branch(facts, row, is_open=is_open))) for row in rows]
    return Chain(tuple(shared), tuple(branches))


def _shared(facts: Facts) -> Iterator[Link]:
    yield from claim_links(facts)
    if facts.reference.kind != BOOTSTRAP:
        return
    if facts.argocd is None:
        yield Link("argocd", "ArgoCD", "unknown", facts.blind)
        return
    for name in facts.claim.get("status", {}).get("rootApps") or ():
        yield root_link(facts, name)


def _argocd(facts: Facts) -> Iterator[Link]:
    yield root_link(facts, facts.root_name)
    yield set_link(facts)


def _branch(facts: Facts, row: Row, *, is_open: bool) -> Iterator[Link]:
    link = row_link(facts, row)
    yield link
    told = told_link(facts, row) if link.is_well and facts.argocd is None else None
    if told is not None:
        yield told
    if not link.is_well or not is_open:
        return
    link = application_link(facts, row)
    yield link
    if link.is_from_below:
        yield from list(object_links(facts.objects.get(row.application, ())))[:MAX_OBJECTS]


def _until_not_well(links: Iterator[Link]) -> Iterator[Link]:
    for link in links:
        yield link
        if not link.is_well:
            return
