"""The API key and endpoint of both clients: from the arguments, else the environment, else an error."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.standins.runpod_queue import RunPodQueue

from .node_tools import TypeScript
from .samples import COMPLETED, QUEUED, REQUEST

VARIABLES = ("RUNPOD_API_KEY", "RUNPOD_ENDPOINT_ID", "RUNPOD_ENDPOINT_BASE_URL")
# What is given as endpoint and key, the environment, and what the error says.
REFUSED: list[tuple[list[str | None], dict[str, str], str]] = [
    ([None, "key"], {}, "no endpoint: pass its id or URL, or set RUNPOD_ENDPOINT_ID"),
    (["", "key"], {}, "no endpoint"),
    (["abc", None], {}, "set RUNPOD_API_KEY"),
    (["abc", None], {"RUNPOD_API_KEY": " \n"}, "set RUNPOD_API_KEY"),
    (["abc", ""], {"RUNPOD_API_KEY": "key"}, "set RUNPOD_API_KEY"),
    (["abc", "secret key"], {}, "the API key contains invalid characters"),
    (["abc", "secret\nkey"], {}, "the API key contains invalid characters"),
    (["abc", "secr\u00e9t"], {}, "the API key contains invalid characters"),
    (["abc", "secret\u2026"], {}, "the API key contains invalid characters"),
    (["abc", None], {"RUNPOD_API_KEY": "secr\u00e9t"}, "the API key contains invalid characters"),
    (["a/b", "key"], {}, "an id has letters"),
    (["../a", "key"], {}, "an id has letters"),
    (["a b", "key"], {}, "an id has letters"),
    (["\u00e9", "key"], {}, "an id has letters"),
    ([None, "key"], {"RUNPOD_ENDPOINT_ID": "a/b"}, "an id has letters"),
    (["ftp://host/v2/a", "key"], {}, "endpoint: must be an http or https URL"),
    (["https://user:pw@host/v2/a", "key"], {}, "without credentials"),
    (["https://host/v2/a?key=1", "key"], {}, "endpoint: must be"),
    (["https://host/v2/../a", "key"], {}, "endpoint: must be"),
    (["https:///a", "key"], {}, "endpoint: must be"),
    (["https://host:99999/a", "key"], {}, "endpoint: must be"),
    (["https://h\u00f6st/a", "key"], {}, "endpoint: must be"),
    (["abc", "key"], {"RUNPOD_ENDPOINT_BASE_URL": "nowhere"}, "RUNPOD_ENDPOINT_BASE_URL: must be"),
]


@pytest.mark.parametrize(("given", "variables", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_missing_or_wrong_is_reported_before_anything_is_sent(
    video: ModuleType,
    typescript: TypeScript,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str | None],
    variables: dict[str, str],
    reason: str,
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for client in (video.Client, video.AsyncClient):
        with pytest.raises(video.errors.NotConfigured, match=reason) as caught:
            client(*given)
        assert isinstance(caught.value, video.CallError)
        assert "secr" not in str(caught.value)
    environment = dict.fromkeys(VARIABLES, "") | variables
    failed = typescript.call("t2v_ltx2", "nothing", "", given=given, env=environment)["error"]
    assert (failed["name"], failed["isCallError"]) == ("NotConfigured", True)
    assert "secr" not in failed["message"]
    assert reason in failed["message"]


def test_key_and_endpoint_are_those_of_the_environment(
    video: ModuleType, typescript: TypeScript, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A key from a file has its line's end.
    variables = {
        "RUNPOD_API_KEY": "key-of-the-environment\n", "RUNPOD_ENDPOINT_ID": "run",
        "RUNPOD_ENDPOINT_BASE_URL": server.url,
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    server.answers(run=[QUEUED, COMPLETED])
    with video.Client() as client:
        client.run(REQUEST)
    server.answers(run=[QUEUED, COMPLETED])
    assert "value" in typescript.call("t2v_ltx2", "run", "", given=[None, None], env=variables, request=REQUEST)
    assert [one.path for one in server.seen] == ["/run/run", "/run/status/j1"] * 2
    assert {one.headers["Authorization"] for one in server.seen} == {"Bearer key-of-the-environment"}


def test_what_is_given_goes_before_the_environment(
    video: ModuleType, typescript: TypeScript, server: RunPodQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"RUNPOD_API_KEY": "other", "RUNPOD_ENDPOINT_ID": "other"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    server.answers(run=[QUEUED], status=[COMPLETED])
    with video.Client(server.url, "given") as client:
        client.run(REQUEST)
    given = [server.url, "given"]
    assert "value" in typescript.call("t2v_ltx2", "run", "", given=given, env=variables, request=REQUEST)
    assert {one.headers["Authorization"] for one in server.seen} == {"Bearer given"}


def test_a_client_that_is_closed_says_so(video: ModuleType, server: RunPodQueue) -> None:
    client = video.Client(server.url, "key")
    client.close()
    client.close()
    with pytest.raises(video.CallError, match="closed"):
        client.run(REQUEST)
    assert server.seen == []
