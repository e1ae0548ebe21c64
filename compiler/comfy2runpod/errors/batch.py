"""What can be wrong with a batch: its inputs, its folder, its endpoint."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Locus, Text, also, shorten


class BadLine(Diagnostic):
    """A line that is not an input."""

    code = "bad-line"
    problem: str

    reason = Text("The line is not an input: {problem}. Nothing was sent.")
    remedy = Text(
        'Write one JSON object on each line: an input, such as {{"prompt": "a cat"}}, or {{"id": "cat-1", "input": '
        '{{"prompt": "a cat"}}}} with only these two keys.'
    )


class UnsafeId(Diagnostic):
    """An id that is not a valid folder name on every system."""

    code = "unsafe-id"
    id: str

    @Text
    def reason(self) -> str:
        return f"The id {shorten(self.id)!r} is not a valid folder name on every system. Nothing was sent."

    remedy = Text(
        "Use at most 100 letters, digits, dots, hyphens and underscores of ASCII, with a letter or digit first and no "
        "dot last; journal.jsonl is taken."
    )


class DuplicateId(Diagnostic):
    """Two lines with the same id."""

    code = "duplicate-id"
    id: str
    first: int
    first_at: Locus = also("has this id already")

    reason = Text("The id {id} is already that of line {first:,} (letter case is ignored). Nothing was sent.")
    remedy = Text("Give each line its own id. A line without an id has its line number as its id.")


class NoInputs(Diagnostic):
    """A file without inputs."""

    code = "no-inputs"

    reason = Text("The file contains no inputs.")
    remedy = Text("Write one JSON object on each line.")


class InputsChanged(Diagnostic):
    """A file that changed while its inputs were being sent."""

    code = "inputs-changed"

    reason = Text("The file was changed after it had been checked; nothing more was sent.")
    remedy = Text(
        "Restore the file and run the same command again, or give the new inputs with another output folder (-o)."
    )


class PlaceTaken(Diagnostic):
    """A folder that already has an entry where a result would be written."""

    code = "place-taken"
    id: str

    reason = Text("{id} already exists, and no journal shows that a batch made it. Nothing was sent.")
    remedy = Text("Choose another output folder (-o), or another id for the input.")


class OtherJournal(Diagnostic):
    """The journal of another batch."""

    code = "other-journal"
    what: str
    theirs: str
    ours: str

    reason = Text("The journal belongs to another batch: its {what} is {theirs}, not {ours}. Nothing was sent.")
    remedy = Text(
        "To continue that batch, use its inputs and its endpoint unchanged; to start a new one, choose another output "
        "folder (-o)."
    )


class BrokenJournal(Diagnostic):
    """A journal that cannot be read."""

    code = "broken-journal"
    problem: str

    reason = Text("The journal cannot be read: {problem}. Nothing was sent.")
    remedy = Text("Restore the file as it was written, or choose another output folder (-o) for a new batch.")


class BatchRunning(Diagnostic):
    """An output folder that another process is using."""

    code = "batch-running"

    reason = Text("Another process is running this batch.")
    remedy = Text(
        "Wait until it ends or stop it, then run the same command again; or choose another output folder (-o)."
    )


class CannotKeep(Diagnostic):
    """A result or a journal entry that could not be written."""

    code = "cannot-keep"
    problem: str

    reason = Text("The batch's folder cannot be written to: {problem}. Nothing more was sent.")
    remedy = Text(
        "Free some disk space, or correct the folder's permissions; then run the same command again, within 30 minutes "
        "if possible: RunPod keeps the results of finished jobs for that long."
    )


class EndpointRefused(Diagnostic):
    """An endpoint that does not accept our calls."""

    code = "endpoint-refused"
    problem: str
    what_to_do: str

    reason = Text("The batch was stopped: {problem}. Queued jobs are in the journal; the other inputs were not sent.")
    remedy = Text("{what_to_do}; then run the same command again: it continues where it stopped.")
