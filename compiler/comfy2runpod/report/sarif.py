"""Diagnostics as a SARIF 2.1.0 log, the form that code scanning services read."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import PurePath
from urllib.parse import quote

from comfy2runpod import __version__
from comfy2runpod.diagnostics import Diagnostic, Locus, Severity, displayed
from comfy2runpod.json_text import json_document
from comfy2runpod.report.places import Placed, PlacedRelated
from comfy2runpod_contract.json_types import Json, JsonObject
from comfy2runpod_contract.texts import visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning"}
_HOME = "https://github.com/comfy2runpod/comfy2runpod"


def sarif_log(found: Sequence[Placed], *, exit_code: int) -> str:
    """The log of one run: a rule for each class of diagnostic that was found, a result for each diagnostic."""
    classes: dict[str, type[Diagnostic]] = {}
    for item in found:
        classes.setdefault(item.diagnostic.code, type(item.diagnostic))
    codes = list(classes)
    driver: JsonObject = {
        "name": "comfy2runpod",
        "version": __version__,
        "informationUri": _HOME,
        "rules": [_rule(kind) for kind in classes.values()],
    }
    run: JsonObject = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "exitCode": exit_code}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, codes.index(item.diagnostic.code)) for item in found],
    }
    return json_document({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(kind: type[Diagnostic]) -> JsonObject:
    text = inspect.cleandoc(kind.__doc__ or kind.__name__)
    return {
        "id": kind.code,
        "name": kind.__name__,
        "shortDescription": {"text": " ".join(text.split("\n\n")[0].split())},
        "fullDescription": {"text": text},
        "defaultConfiguration": {"level": _LEVELS[kind.severity]},
    }


def _result(placed: Placed, rule: int) -> JsonObject:
    diagnostic = placed.diagnostic
    result: JsonObject = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": displayed(f"{diagnostic.reason}\n{diagnostic.remedy}")},
        "locations": [_location(diagnostic.at, placed)],
    }
    if placed.related:
        result["relatedLocations"] = [
            {
                "id": number,
                **_location(further.related.at, further),
                "message": {"text": displayed(further.related.label)},
            }
            for number, further in enumerate(placed.related, 1)
        ]
    return result


def _location(at: Locus, placed: Placed | PlacedRelated) -> JsonObject:
    physical: JsonObject = {"artifactLocation": {"uri": _uri(at.file)}}
    if placed.line is not None:
        region: JsonObject = {"startLine": placed.line}
        if placed.column is not None:
            region["startColumn"] = placed.column
        physical["region"] = region
    location: JsonObject = {"physicalLocation": physical}
    logical = _logical(at)
    if logical:
        location["logicalLocations"] = logical
    return location


def _logical(at: Locus) -> list[Json]:
    """The node as the canvas shows it, and its input, as SARIF logical locations."""
    if at.node is None:
        return []
    node: JsonObject = {
        "name": visible(at.title or at.class_type or f"node {at.node}"),
        "fullyQualifiedName": visible(at.node),
        "kind": "object",
    }
    if at.input is None:
        return [node]
    return [node, {"name": visible(at.input), "fullyQualifiedName": visible(f"{at.node}.{at.input}"), "kind": "member"}]


def _uri(file: str) -> str:
    """A relative reference for a relative path, so that the log contains no absolute paths of this machine."""
    path = PurePath(file)
    if path.is_absolute():
        return path.as_uri()
    # A name that is not UTF-8 keeps its bytes.
    return quote(path.as_posix().encode("utf-8", "surrogateescape"))
