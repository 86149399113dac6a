"""Go templates with Helm's engine: what they give, and the recorded message of one that names a missing field."""

from typing import Any

import pytest

from sandbox.argocd.templates import STRICT, TemplateFailed, Templates, guard, refill, strings
from shared.helm import Engine

PATH = {"path": "environments/dev/checkout", "basename": "checkout", "segments": ["environments", "dev", "checkout"]}
PARAMS: dict[str, Any] = {"path": PATH, "chart": "", "tags": ["a", "b"], "nested": {"inner": {"leaf": 7}}}


@pytest.fixture(scope="module")
def templates() -> Templates:
    engine = Engine.load()
    assert engine is not None
    return Templates(engine)


@pytest.mark.parametrize(
    ("template", "text", "reason"),
    [
        ("plain", "plain", "nothing to execute"),
        ("dev-{{ .path.basename }}", "dev-checkout", "a field of a field"),
        ("{{.path.basename}}-{{.nested.inner.leaf}}", "checkout-7", "no blanks, and a number"),
        ("{{ index .path.segments 1 }}", "dev", "a function's argument"),
        ('{{ get (dict "checkout" "shop") .path.basename | default .path.basename }}', "shop", "the recorded mapping"),
        ('{{ get (dict "other" "shop") .path.basename | default .path.basename }}', "checkout", "its default"),
        ('{{ dig "chart" .path.basename (dict "chart" "x") }}', "x", "sprig's dig"),
        ('{{ dig "nested" "inner" "none" . | toJson }}', '{"leaf":7}', "dig into the parameters"),
        ("a {{- if .path.basename }} b {{- end }} c", "a b c", "blanks are trimmed as without guards"),
        ('{{ if .chart }}x{{ else if eq .path.basename "checkout" }}y{{ end }}', "y", "an else if"),
        ("{{ range .tags }}<{{ . }}>{{ end }}", "<a><b>", "the dot is a text in there"),
        ("{{ with .nested }}{{ .inner.leaf }}{{ end }}", "7", "the dot is another map in there"),
        ("{{ range $k, $v := .nested.inner }}{{ $k }}={{ $v }}{{ end }}", "leaf=7", "variables are no fields"),
        ("{{ $x := .nested }}{{ $x.inner.leaf }}", "7", "nor are fields of variables"),
        ('{{ "{{ .no.field }}" }}', "{{ .no.field }}", "nor what a text says"),
        ("{{/* .no.field */}}x", "x", "nor a comment"),
        ('{{ print 1.5 "v.w" }}', "1.5v.w", "nor a number or a text with a dot"),
        ("{{ if .chart }}{{ .no.field }}{{ end }}x", "x", "a branch that is not taken misses nothing"),
        ("{{ `a.b` }}", "a.b", "a raw text"),
        ("<&>\"'{{ .path.basename }}\n", "<&>\"'checkout\n", "nothing is escaped, and the end of a line stays"),
    ],
)
def test_texts(templates: Templates, template: str, text: str, reason: str) -> None:
    assert templates.execute([(template, PARAMS)], [STRICT]) == [text], reason


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "dev-{{ .path.nothing }}",  # recorded: template-missing-key
            'template: base:1:12: executing "base" at <.path.nothing>: map has no entry for key "nothing"',
        ),
        ("{{ .nothing }}", 'template: base:1:3: executing "base" at <.nothing>: map has no entry for key "nothing"'),
        (
            "x\ny{{ .nothing.at.all }}",
            'template: base:2:12: executing "base" at <.nothing.at.all>: map has no entry for key "nothing"',
        ),
        (
            "{{ .path.a_very_long_name_of_a_field }}",
            'template: base:1:8: executing "base" at <.path.a_very_long_na...>: map has no entry for key '
            '"a_very_long_name_of_a_field"',
        ),
        (
            "{{ with .nested }}{{ .leaf }}{{ end }}",
            'base:1:21: executing "base" at <.leaf>: map has no entry for key "leaf"',
        ),
        ("{{ .path.basename", "template: base:1: unclosed action"),
        ("{{ nonesuch .path }}", 'template: base:1: function "nonesuch" not defined'),
        (
            "{{ index .tags 7 }}",
            'template: base:1:3: executing "base" at <index .tags 7>: error calling index: index out of range: 7',
        ),
    ],
)
def test_messages(templates: Templates, template: str, message: str) -> None:
    with pytest.raises(TemplateFailed) as failure:
        templates.execute([("fine", PARAMS), (template, PARAMS)], [STRICT])
    assert str(failure.value).endswith(message)
    assert template in str(failure.value)


def test_missing_fields_are_nothing_without_the_option(templates: Templates) -> None:
    assert templates.execute([("a{{ .nothing }}b", PARAMS)], []) == ["ab"]


def test_many_at_once_keep_their_order(templates: Templates) -> None:
    jobs = [(f"{number}-{{{{ .name }}}}" if number % 2 else f"{number}", {"name": str(number)}) for number in range(50)]
    assert templates.execute(jobs, [STRICT]) == [f"{n}-{n}" if n % 2 else f"{n}" for n in range(50)]


def test_a_template_without_fields_gets_no_guard() -> None:
    assert guard('{{ print "x" }}{{ end }}') == '{{ print "x" }}{{ end }}'


def test_strings_are_put_back_where_they_were() -> None:
    document = {"a{{x}}": ["1", 2, {"b": None, "c": "3"}], "d": True}
    texts = iter([text.upper() for text in strings(document)])
    assert refill(document, texts) == {"A{{X}}": ["1", 2, {"B": None, "C": "3"}], "D": True}
