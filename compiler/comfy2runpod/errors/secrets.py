"""Secrets in a graph: every file of the package would hold them, and the image."""

from __future__ import annotations

from comfy2runpod.diagnostics import Diagnostic, Text


class SecretInGraph(Diagnostic):
    """A token, a private key or a URL with credentials, in a text of which files of the package are made."""

    code = "secret-in-graph"
    where: str

    reason = Text(
        "{where} holds a secret: a token, a private key, or a URL with credentials. It would be in the package, in its "
        "image and in the documents that callers read."
    )
    remedy = Text(
        "Remove it, and revoke it where it was issued: everyone who has the graph has it. Secrets that a worker needs "
        "belong in the endpoint's environment variables."
    )
