"""Two contracts -> what changed, and whether a caller of the first would be broken by the second.

A caller sends values and reads answers. So it breaks where the input takes less than before (a bound narrowed, a choice
gone, a field that is new and required, or gone, since unknown fields are refused), and where the output holds less or
something else (a part gone, or no longer always there, or of another type). Everything else is compatible, if it may
surprise: a default, a model, a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from comfy2runpod.author.contract import Contract, ModelFile, Shape
from comfy2runpod.diagnostics import shorten, show
from comfy2runpod_contract.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `kind` is a stable identifier, `path` what changed (`input.width`), `text` a description."""

    kind: str
    path: str
    breaking: bool
    before: Json
    after: Json
    text: str

    def to_json(self) -> JsonObject:
        """The change as data."""
        return {
            "kind": self.kind,
            "path": self.path,
            "breaking": self.breaking,
            "before": self.before,
            "after": self.after,
            "text": self.text,
        }


def diff_contracts(old: Contract, new: Contract) -> tuple[Change, ...]:
    """What changed: inputs first, then outputs, models and hardware."""
    return (
        *_shapes("input", old.input, new.input, sent=True),
        *_shapes("output", old.output, new.output, sent=False),
        *_models(old.models, new.models),
        *_settings(old, new),
    )


def _shapes(path: str, old: Shape, new: Shape, *, sent: bool) -> Iterator[Change]:
    """Changes of a value that a caller sends or receives."""
    yield from _properties(path, old, new, sent=sent)
    if old.items is not None and new.items is not None:
        yield from _shapes(f"{path}[]", old.items, new.items, sent=sent)
    yield from _types(path, old, new, sent=sent)
    if old.media_type != new.media_type:
        yield _changed("media-type", path, old.media_type, new.media_type, breaking=True)
    if old.types & new.types:
        yield from _bounds(path, old, new, sent=sent)
        yield from _listings("choices", path, old.choices, new.choices, sent=sent)
        yield from _listings("formats", path, old.formats, new.formats, sent=sent)
    # A field that became required lost its default thereby, which is reported already.
    if old.has_default and new.has_default and old.default != new.default:
        yield _changed("default", path, old.default, new.default, breaking=False)


def _properties(path: str, old: Shape, new: Shape, *, sent: bool) -> Iterator[Change]:
    for name in [*old.properties, *(name for name in new.properties if name not in old.properties)]:
        at = f"{path}.{name}"
        before, after = old.properties.get(name), new.properties.get(name)
        was, now = name in old.required, name in new.required
        if before is None and after is not None:
            word = ("required" if now else "optional") if sent else "/".join(_words(after))
            yield _change("added", at, None, list(_words(after)), f"added, {word}", breaking=sent and now)
        elif after is None and before is not None:
            yield _change("removed", at, list(_words(before)), None, "removed", breaking=True)
        elif before is not None and after is not None:
            if was != now:
                text = "is required now" if now else ("is optional now" if sent else "may be missing now")
                yield _change("required", at, was, now, text, breaking=now == sent)
            yield from _shapes(at, before, after, sent=sent)


def _types(path: str, old: Shape, new: Shape, *, sent: bool) -> Iterator[Change]:
    if old.types != new.types:
        breaking = bool(old.types - new.types) if sent else bool(new.types - old.types)
        before, after = "/".join(_words(old)), "/".join(_words(new))
        yield _change("type", path, before, after, f"type {before} -> {after}", breaking=breaking)


def _bounds(path: str, old: Shape, new: Shape, *, sent: bool) -> Iterator[Change]:
    for kind, before, after, is_low in (
        ("minimum", old.minimum, new.minimum, True),
        ("maximum", old.maximum, new.maximum, False),
        ("min-length", old.min_length, new.min_length, True),
        ("max-length", old.max_length, new.max_length, False),
        *_limits(old.limits, new.limits),
    ):
        if before != after:
            narrower = before is None or (after is not None and (after > before) == is_low)
            yield _changed(kind, path, before, after, breaking=narrower == sent)
    if (old.step, old.offset) != (new.step, new.offset):
        # Every value of the old range is in the new one.
        wider = old.step % new.step == 0 and (old.offset - new.offset) % new.step == 0
        breaking = not wider if sent else not (new.step % old.step == 0 and (new.offset - old.offset) % old.step == 0)
        before_text, after_text = _stepped(old), _stepped(new)
        yield _change("step", path, before_text, after_text, f"values {before_text} -> {after_text}", breaking=breaking)


def _limits(
    old: Mapping[str, float], new: Mapping[str, float]
) -> Iterator[tuple[str, float | None, float | None, bool]]:
    for word in {**old, **new}:
        yield word.removeprefix("x-"), old.get(word), new.get(word), False


def _listings(
    kind: str, path: str, old: tuple[Json, ...] | None, new: tuple[Json, ...] | None, *, sent: bool
) -> Iterator[Change]:
    if old is None or new is None:
        if old != new:
            breaking = (new is not None) == sent
            before, after = _listed(old), _listed(new)
            yield _change(kind, path, before, after, f"{kind} {_said(before)} -> {_said(after)}", breaking=breaking)
        return
    removed: list[Json] = [choice for choice in old if choice not in new]
    added: list[Json] = [choice for choice in new if choice not in old]
    if removed:
        yield _change(kind, path, removed, None, f"{kind} removed: {_said(removed)}", breaking=sent)
    if added:
        yield _change(kind, path, None, added, f"{kind} added: {_said(added)}", breaking=not sent)


def _models(old: Mapping[str, ModelFile], new: Mapping[str, ModelFile]) -> Iterator[Change]:
    for name in sorted({**old, **new}):
        before, after = old.get(name), new.get(name)
        at = f"models.{name}"
        if before is None and after is not None:
            yield _change("added", at, None, after.url, f"added, {after.url}", breaking=False)
        elif after is None and before is not None:
            yield _change("removed", at, before.url, None, "removed", breaking=False)
        elif before is not None and after is not None:
            for part in fields(ModelFile):
                was, now = getattr(before, part.name), getattr(after, part.name)
                if was != now:
                    yield _changed(part.name, at, was, now, breaking=False)


def _settings(old: Contract, new: Contract) -> Iterator[Change]:
    if old.gpu != new.gpu:
        yield _changed("gpu", "runpod.gpu", list(old.gpu), list(new.gpu), breaking=False)
    for name, before, after in (
        ("container_disk", old.container_disk_gb, new.container_disk_gb),
        ("execution_timeout", old.timeout_seconds, new.timeout_seconds),
    ):
        if before != after:
            yield _changed(name.replace("_", "-"), f"runpod.{name}", before, after, breaking=False)


def _change(kind: str, path: str, before: Json, after: Json, text: str, *, breaking: bool) -> Change:
    return Change(kind=kind, path=path, breaking=breaking, before=before, after=after, text=text)


def _changed(kind: str, path: str, before: Json, after: Json, *, breaking: bool) -> Change:
    was, now = (("none" if value is None else show(value)) for value in (before, after))
    return _change(kind, path, before, after, f"{kind.replace('-', ' ')} {was} -> {now}", breaking=breaking)


def _words(shape: Shape) -> tuple[str, ...]:
    """The types as a schema writes them."""
    return tuple(sorted(shape.types - ({"integer"} if "number" in shape.types else set())))


def _stepped(shape: Shape) -> str:
    if shape.step == 1:
        return "any"
    return f"{shape.step}·n + {shape.offset}" if shape.offset else f"multiples of {shape.step}"


def _listed(choices: tuple[Json, ...] | None) -> Json:
    return None if choices is None else list(choices)


def _said(choices: Json) -> str:
    return "any" if not isinstance(choices, list) else shorten(", ".join(str(choice) for choice in choices), 200)
