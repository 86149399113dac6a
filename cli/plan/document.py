"""A plan for programs. The shape is a promise: fields may be added, and never change their meaning."""

from typing import Any, Final

from cli.plan.report import ClaimPlan, Fault, FileChange, ObjectChange, Report

FORMAT: Final = 1


def document(report: Report, code: int) -> dict[str, Any]:
    """The JSON document.

    ::

        format     1
        exitCode   0 nothing would change, 2 something would, 1 something is wrong
        against    cluster: address or null; voltran: commit or null
        errors     [{field, message, reason}] of files in which no claim was found
        notes      [text], what could not be looked at
        claims     [{kind, namespace, name, origin, claim: created|changed|unchanged,
                     place: type/environment or "",
                     files:   [{path, change: added|changed|removed, held, diff, hidden: null or why}],
                     objects: [{application, kind, namespace, name, change, held, diff, kept: null or why,
                              refused: null or fields}],
                     images:  [{application, before, after}], null where there is none
                     prunes:  [{name, path, strange, held}],
                     confirmation: null or {message, annotation},
                     errors, notes}]
    """
    return {
        "format": FORMAT,
        "exitCode": code,
        "against": {"cluster": report.against.cluster, "voltran": report.against.commit},
        "errors": [_fault(one) for one in report.errors],
        "notes": list(report.notes),
        "claims": [_claim(one) for one in report.claims],
    }


def _claim(plan: ClaimPlan) -> dict[str, Any]:
    return {
        "kind": plan.kind,
        "namespace": plan.namespace,
        "name": plan.name,
        "origin": plan.origin,
        "claim": plan.claim,
        "place": plan.place,
        "files": [_file(one) for one in plan.files],
        "objects": [_object(one) for one in plan.objects],
        "images": [dict(vars(one)) for one in plan.images],
        "prunes": [dict(vars(one)) for one in plan.prunes],
        "confirmation": dict(vars(plan.confirmation)) if plan.confirmation else None,
        "errors": [_fault(one) for one in plan.errors],
        "notes": list(plan.notes),
    }


def _file(one: FileChange) -> dict[str, Any]:
    return {"path": one.path, "change": one.change, "held": one.held, "diff": one.diff, "hidden": one.hidden}


def _object(one: ObjectChange) -> dict[str, Any]:
    return {
        "application": one.application,
        "kind": one.kind,
        "namespace": one.namespace,
        "name": one.name,
        "change": one.change,
        "held": one.held,
        "diff": one.diff,
        "kept": one.kept,
        "refused": one.refused,
    }


def _fault(fault: Fault) -> dict[str, str]:
    return {"field": fault.where, "message": fault.message, "reason": fault.reason}
