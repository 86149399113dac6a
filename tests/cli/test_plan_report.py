"""A plan in its three forms: for people, for programs, for a pull request."""

import json
import os
import re
from pathlib import Path

import pytest
from rich.console import Console

from cli.plan import differences
from cli.plan.document import document
from cli.plan.markdown import LIMIT, fenced, markdown, plain
from cli.plan.report import (
    Against,
    ClaimPlan,
    Confirmation,
    Fault,
    FileChange,
    ImageChange,
    ObjectChange,
    Pruned,
    Report,
)
from cli.plan.text import printable, show, tags

GOLDEN = Path(__file__).parent / "golden" / "plan"
VALUES = "environments/nonprod/dev/applications/shop/values.yaml"
OLD = "environments/nonprod/dev/applications/cart/values.yaml"


def report() -> Report:
    """One of everything, and text that would like to be markup."""
    diff = differences.unified(VALUES, "tag: v1\nnote: a\n", "tag: v2\nnote: '```</details>'\n")
    shop = ClaimPlan("ApplicationClaim", "dev", "dev-apps", "claims.yaml, document 2", "changed", "nonprod/dev")
    shop.files = [
        FileChange(OLD, "removed", differences.unified(OLD, "replicas: 1\n", None), held=True),
        FileChange(VALUES, "changed", diff),
        FileChange("environments/nonprod/dev/applications/pay/values.yaml", "added", "", differences.HIDDEN),
    ]
    deployment = differences.unified("Deployment/dev-shop", "image: shop:v1\n", "image: shop:v2\n")
    config = differences.unified("ConfigMap/dev-cart", "a: 1\n", None)
    shop.objects = [
        ObjectChange("dev-shop", "Deployment", "dev", "dev-shop", "changed", deployment, refused="spec.selector"),
        ObjectChange("dev-cart", "ConfigMap", "dev", "dev-cart", "removed", config, held=True),
        ObjectChange("dev-cart", "Namespace", "", "cart", "removed", "", kept="helm.sh/resource-policy: keep"),
    ]
    shop.images = [
        ImageChange("shop", "ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v2"),
        ImageChange("cart", "ghcr.io/acme/cart:v1", None),
    ]
    shop.prunes = [Pruned("cart", OLD.rpartition("/")[0], held=True), Pruned("x|y", "environments/x|y", strange=True)]
    shop.confirmation = Confirmation(
        "removing cart waits for a confirmation", "platform.infraforge.io/confirm=remove-1"
    )
    shop.notes = ["imagePolicy is Digest: @everyone is asked"]
    bad = ClaimPlan("PlatformClaim", "dev", "services", "<script>.yaml", "created")
    bad.errors = [
        Fault("spec.services[0].name", 'is not `a` *name*: "[x](http://evil.example.com)" #1'),
        Fault("", "applications[0].values.replicas: 5000 is above 100\n| and | more |", "RenderFailed"),
    ]
    same = ClaimPlan("BootstrapClaim", "platform-system", "platform", "claims.yaml, document 1")
    return Report(
        Against("https://cluster.example.com:6443", "0123456789abcdef0123456789abcdef01234567"),
        [same, bad, shop],
        [Fault("", "broken.yaml, line 3: not YAML: \x1b[31mred")],
        ["no claims, and not looked at: ConfigMap x"],
    )


def text(*, full: bool, colour: bool = False) -> str:
    console = Console(width=140, force_terminal=colour, color_system="standard" if colour else None, record=True)
    with console.capture() as captured:
        show(report(), console, full=full)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("report.txt", text(full=False)),
        ("report-full.txt", text(full=True)),
        ("report.md", markdown(report())),
        ("report.json", json.dumps(document(report(), 1), indent=2, ensure_ascii=False) + "\n"),
    ],
    ids=["text", "full", "markdown", "json"],
)
def test_a_report_looks_as_it_did(name: str, shown: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(shown, encoding="utf-8")
    assert shown == (GOLDEN / name).read_text(encoding="utf-8")


def test_a_difference_is_coloured_for_a_terminal() -> None:
    coloured = text(full=False, colour=True)
    assert "\x1b[32m      +tag: v2\x1b[0m" in coloured
    assert "\x1b[31m      -tag: v1\x1b[0m" in coloured
    assert "\x1b[31mred" not in coloured, "what moves a terminal is not passed on"


@pytest.mark.parametrize("content", ["```", "````\n```", "a\n``` b", "`", "", "~~~", "``````````"])
def test_a_fence_holds_whatever_is_in_it(content: str) -> None:
    block = fenced(content, "diff")
    opening, *inside, closing = block.split("\n")
    assert re.fullmatch(r"`{3,}diff", opening)
    assert closing == opening.removesuffix("diff")
    assert not any(line.strip().startswith(closing) for line in inside)


@pytest.mark.parametrize(
    "hostile",
    [
        "<img src=x>",
        "@team",
        "#12",
        "[a](b)",
        "a | b",
        "`code`",
        "*bold*",
        "~gone~",
        "http://x.example",
        "a\n# b",
        "\x1b[1m",
        "a\u202eb",
    ],
    ids=repr,
)
def test_text_means_nothing_but_itself(hostile: str) -> None:
    shown = plain(hostile)
    unescaped = re.sub(r"&#\d+;", "", shown)
    assert not re.search(r"[<>@#\[\]|`*~\n\x1b\u202e]|://", unescaped)


def test_what_is_too_long_for_a_comment_is_left_out_and_said() -> None:
    long = report()
    claim = long.claims[2]
    claim.files = [FileChange(f"{VALUES}{n}", "added", f"+{'x' * 5000}\n") for n in range(30)]
    shown = markdown(long)
    assert len(shown) < 65_536
    assert len(shown) > LIMIT / 2
    assert re.search(r"_\d+ more, too long to be shown here", shown)
    assert shown.count("<details>") == shown.count("</details>") == 2


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("r/a:v1", "r/a:v2", "shop: v1 → v2"),
        ("r/a:v1@sha256:1", "r/a:v1@sha256:2", "shop: v1@sha256:1 → v1@sha256:2"),
        ("r/a:v1", "r/b:v1", "shop: r/a:v1 → r/b:v1"),
        (None, "r/a:v1", "shop: none → r/a:v1"),
        ("localhost:5000/a:v1", "localhost:5000/a:v2", "shop: v1 → v2"),
        ("r/a:v1", None, "shop: r/a:v1 → none"),
    ],
)
def test_an_image_in_a_few_words(before: str | None, after: str | None, shown: str) -> None:
    assert tags(ImageChange("shop", before, after)) == shown


def test_what_moves_a_cursor_is_not_printed() -> None:
    assert printable("a\x1b[2Jb\rc\u202ed\te") == "a�[2Jb�c�d\te"
