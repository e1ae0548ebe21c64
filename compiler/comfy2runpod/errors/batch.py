"""What can be wrong with a batch: its inputs, its folder, its endpoint."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Text, also, shorten


class BadLine(Diagnostic):
    """A line that is no input."""

    code = "bad-line"
    problem: str

    reason = Text("The line is no input: {problem}. Nothing was sent.")
    remedy = Text(
        'Give one JSON object a line: an input, such as {{"prompt": "a cat"}}, or {{"id": "cat-1", "input": '
        '{{"prompt": "a cat"}}}}, and nothing beside these two keys.'
    )


class UnsafeId(Diagnostic):
    """An id that cannot be a folder's name everywhere."""

    code = "unsafe-id"
    id: str

    @Text
    def reason(self) -> str:
        return f"The id {shorten(self.id)!r} cannot be the name of a folder everywhere. Nothing was sent."

    remedy = Text(
        "Use at most 100 letters, digits, dots, hyphens and underscores of ASCII, with a letter or digit first and no "
        "dot last; journal.jsonl is taken."
    )


class DuplicateId(Diagnostic):
    """Two lines with one id."""

    code = "duplicate-id"
    id: str
    first: int
    first_at: Locus = also("has this id already")

    reason = Text("The id {id} is that of line {first:,} already, letters' case aside. Nothing was sent.")
    remedy = Text("Give every line an id of its own. A line without one has its number as its id.")


class NoInputs(Diagnostic):
    """A file without a line."""

    code = "no-inputs"

    reason = Text("The file holds no input.")
    remedy = Text("Give one JSON object a line.")


class InputsChanged(Diagnostic):
    """A file that changed while its inputs were sent."""

    code = "inputs-changed"

    reason = Text("The file was changed after it had been checked; nothing more was sent.")
    remedy = Text(
        "Restore the file and run the same command again, or give the new inputs with another output folder (-o)."
    )


class PlaceTaken(Diagnostic):
    """A folder that holds something where a result would go."""

    code = "place-taken"
    id: str

    reason = Text("{id} is there already, and no journal says that a batch made it. Nothing was sent.")
    remedy = Text("Choose another output folder (-o), or another id for the input.")


class OtherJournal(Diagnostic):
    """A journal of another batch."""

    code = "other-journal"
    what: str
    theirs: str
    ours: str

    reason = Text("The journal is of another batch: its {what} is {theirs}, not {ours}. Nothing was sent.")
    remedy = Text("To go on, give what was given before, unchanged; to begin anew, choose another output folder (-o).")


class BrokenJournal(Diagnostic):
    """A journal that cannot be understood."""

    code = "broken-journal"
    problem: str

    reason = Text("The journal cannot be understood: {problem}. Nothing was sent.")
    remedy = Text("Restore the file as a batch wrote it, or choose another output folder (-o) for a batch of its own.")


class BatchRunning(Diagnostic):
    """A folder that another process works in."""

    code = "batch-running"

    reason = Text("Another process is at work on this batch.")
    remedy = Text("Wait for its end or stop it, then run the same command again; or choose another output folder (-o).")


class CannotKeep(Diagnostic):
    """A result or a line of the journal that could not be written."""

    code = "cannot-keep"
    problem: str

    reason = Text("The batch's folder cannot be written: {problem}. Nothing more was sent.")
    remedy = Text(
        "Make room, or mend the folder's permissions; then run the same command again, within 30 minutes if you can: "
        "so long RunPod keeps the results of jobs that have ended."
    )


class EndpointRefused(Diagnostic):
    """An endpoint that takes no calls of ours."""

    code = "endpoint-refused"
    problem: str
    what_to_do: str

    reason = Text("The batch was stopped: {problem}. What was queued is in the journal, the rest stays unsent.")
    remedy = Text("{what_to_do}; then run the same command again: it goes on where it stopped.")
