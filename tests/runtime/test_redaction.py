"""What of a text is a secret and what is none: in the log, in both of its forms, in reports and in answers."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, quote_plus

import pytest

from comfy2runpod_runtime.operations.logs import configure_logging, log_fields
from tests.standins.comfyui import ComfyUI

from .conftest import Load, error_of

# None of them is anybody's.
HUB = "hf_" + "QwErTyUiOpAsDfGhJkLzXcVbNm12345678"
BUCKET = "wJalr/XUtn+FEMI9K7MDENG/bPxR+fiCYz8EXAMPLE="
SHORT = "k3y-Of8&"
WORDS = "correct horse-battery staple"
LINES = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj", "AgEAAoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R4ypb"]
PROXY = "pr0xy-Passw0rd"
ACCOUNT = "4cc0unt-Secr3t-of-a-service"
ENVIRONMENT = {
    "HF_TOKEN": f"{HUB}\n",
    "STORE_SECRET_KEY": f"\t{BUCKET}\r\n",
    "SIGNING_KEY": SHORT,
    "ADMIN_PASSWORD": WORDS,
    "TLS_PRIVATE_KEY": "-----BEGIN PRIVATE KEY-----\n" + "\n".join(LINES) + "\n-----END PRIVATE KEY-----\n",
    "HTTPS_PROXY": f"http://someone:{PROXY}@proxy.example:3128",
    "GOOGLE_SERVICE": json.dumps({"type": "service_account", "private_key_id": "x", "client_secret": ACCOUNT}),
    # Values that stand anywhere by chance.
    "API_KEY": "1",
    "CIVITAI_TOKEN": "default",
    "DB_PASS": "image",
    "SESSION_SECRET": "123456",
    "MY_TOKEN": "",
    # Variables that tell of secrets, and hold none.
    "MAX_TOKENS": "131072",
    "TOKENIZERS_PARALLELISM": "disabled",
    "GOOGLE_APPLICATION_CREDENTIALS": "/root/service-account.json",
    "KEY_FILE": "models-key-file",
    "RUNPOD_PUBLIC_KEY": "ssh-ed25519 AAAAC3NzaC1lZDI1",
    "PWD": "/workspace/package",
    "MONKEYS": "bananas-42",
}

# A text, and what of it is to be hidden: no part of six characters of it may be there.
SECRET: dict[str, tuple[str, str]] = {
    "itself": (f"token {HUB}", HUB),
    "with a line's end": (f"Illegal header value b'Bearer {HUB}\\n'", HUB),
    "between line ends": (f"the token is\r\n{HUB}\r\nthat is it", HUB),
    "in quotes of Python": (f"{{'token': '{HUB}'}}", HUB),
    "in JSON in a text": (json.dumps({"a": [HUB, {"b": BUCKET}]}), BUCKET),
    "with characters that JSON escapes": (f'{{"x": "{SHORT}"}}', SHORT),
    "with a slash": (f"secret {BUCKET}, of a bucket", BUCKET),
    "escaped for a URL": (f"GET /?q={quote(BUCKET, safe='')}", quote(BUCKET, safe="")),
    "escaped for a URL but slashes": (f"GET /?q={quote(BUCKET)}", quote(BUCKET)),
    "escaped for a URL in small letters": ("GET /?q=" + quote(BUCKET, safe="").replace("%2F", "%2f"), "FEMI9K7MDENG"),
    "escaped as a form": (f"q={quote_plus(WORDS)}", "horse-battery"),
    "escaped for HTML": (f"<b>{SHORT.replace('&', '&amp;')}</b>", "k3y-Of8"),
    "base64": (base64.b64encode(HUB.encode()).decode(), base64.b64encode(HUB.encode()).decode()[4:-4]),
    "base64 behind a user": (
        base64.b64encode(f"user:{HUB}".encode()).decode(),
        base64.b64encode(f"user:{HUB}".encode()).decode()[12:-4],
    ),
    "base64 behind a longer user": (
        base64.b64encode(f"someone:{HUB}".encode()).decode(),
        base64.b64encode(f"someone:{HUB}".encode()).decode()[12:-4],
    ),
    "base64 behind a user of another length": (
        base64.urlsafe_b64encode(f"some:{BUCKET}".encode()).decode(),
        base64.urlsafe_b64encode(f"some:{BUCKET}".encode()).decode()[12:-4],
    ),
    "hexadecimal": (HUB.encode().hex(), HUB.encode().hex()),
    "cut off": (f"could not send {HUB[:20]}…", HUB[:20]),
    "without its beginning": (f"…{HUB[-20:]} is no token", HUB[-20:]),
    "split by a line's end": (f"Bearer {HUB[:19]}\n{HUB[19:]} refused", HUB[19:]),
    "split by an escaped line's end": (f"'{HUB[:19]}\\n{HUB[19:]}'", HUB[:19]),
    "the first part, in a line of ComfyUI": (f"comfyui: my token is {HUB[:11]}", HUB[:11]),
    "the other part, in its next line": (f"comfyui: {HUB[11:]} it was", HUB[11:]),
    "the last part, in its next line": (f"comfyui: │ {HUB[-9:]} it was", HUB[-9:]),
    "several words": (f"said {WORDS}!", "horse-battery"),
    "a line of a private key": (f"comfyui: {LINES[1]}", LINES[1]),
    "the password of a proxy": (f"407 for {PROXY}", PROXY),
    "in a service's account": (f"refused: {ACCOUNT}", ACCOUNT),
    # Of texts that the environment does not know.
    "a login in a URL": ("GET http://user:pw1234@host:80/a?b=c", "pw1234"),
    "a login with odd characters": ("ftp://me:p%40s:s@w0rd@host/a", "s@w0rd"),
    "a login with a slash": ("postgres://me:pa/ssw0rd@db/x", "ssw0rd"),
    "a login of a token alone": ("https://a1b2c3d4e5f6@github.com/x", "a1b2c3d4e5f6"),
    "a login named like a port": ("http://me:123456@host/", "123456"),
    "a token in a URL": ("https://h/x.bin?a=1&token=opensesame-1&b=2", "opensesame-1"),
    "a key in a URL": ("https://h/x.bin?key=0a1b2c3d4e5f6a7b", "0a1b2c3d4e5f6a7b"),
    "a token in a fragment": ("https://h/#access_token=abc-def", "abc-def"),
    "a signed URL": ("https://b.s3.x/k?X-Amz-Signature=00ff11ee22&X-Amz-Date=20261130", "00ff11ee22"),
    "its credential": ("https://b.s3.x/k?X-Amz-Date=2026&X-Amz-Credential=ABC%2F2026%2Fs3", "ABC%2F2026%2Fs3"),
    "an Authorization header": ("Authorization: Bearer plain-words-only", "plain-words-only"),
    "one as a dict": ("{'Authorization': 'Basic bm9jb2xvbg=='}", "bm9jb2xvbg"),
    "one as bytes": ("(b'authorization', b'Token abcdefgh')", "abcdefgh"),
    "one of a command": ("curl -H 'Authorization: bearer 0a1b2c3d4e'", "0a1b2c3d4e"),
    "a login in base64": ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
    "a bearer's token": ("sent Bearer 9f8e7d6c5b4a39281706", "9f8e7d6c5b4a39281706"),
    "a variable": ("HF_TOKEN=default", "default"),
    "an exported variable": ('export DB_PASSWORD="two words"', "two words"),
    "an option": ("main.py --api-key abcdefgh --port 1", "abcdefgh"),
    "a member of JSON": ('{"secretAccessKey": "only letters"}', "only letters"),
    "a member of JSON in a text of JSON": ('"{\\"password\\": \\"opensesame\\"}"', "opensesame"),
    "a password in prose": ("password: hunter2!", "hunter2!"),
    "a cookie": ("Set-Cookie: session=abcdef; Path=/", "abcdef"),
    "a private key": ("-----BEGIN RSA PRIVATE KEY-----\nAAAABBBB\nCCCC\n-----END RSA PRIVATE KEY-----", "AAAABBBB"),
    "another's token of the hub": ("hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ", "aBcDeFgHiJkLmNoPqRsTuVwXyZ"),
    "a token of RunPod": ("key rpa_ABCDEFGHIJKLMNOP1234", "ABCDEFGHIJKLMNOP1234"),
    "a JWT": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln", "eyJzdWIiOiIxMjM0In0"),
}

# Texts that stay as they are.
PLAIN = (
    "http://127.0.0.1:8188/prompt",
    "ws://127.0.0.1:8188/ws?clientId=0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "http://[::1]:8188/view?filename=a@b.png",
    "http://host:8188/a@b, http://host:80 and a@b.example",
    "https://huggingface.co/org/name/resolve/main/sd_xl_base_1.0.safetensors?download=true",
    "git@github.com:org/name, https://git@github.com/org/name",
    "https://b.s3.x/k?X-Amz-Date=20261130T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host",
    "/view?filename=x.png&subfolder=comfy2runpod/0a1b2c3d&type=output&user=me",
    "Bearer of bad news, Basic usage and Digest of tokens",
    "Basic authentication is required; Token indices sequence length is longer than 77",
    "unexpected token: expected a comma",
    "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "max_tokens=4096, token_count: 77, eos_token='</s>', pad_token_id=151643, tokenizer=clip_l",
    "cache_key=unet sort_key: name, key: model.diffusion_model.input_blocks.0.0.weight",
    "lora_key: lora_unet_down_blocks_0_attn, clip_key=text_model.encoder.layers.0.fc1",
    "HF_TOKEN is not set; set HF_TOKEN to a token that may read it",
    "{'use_token': True, 'token': None, 'has_secret': false, 'password': 'none'}",
    "pip install hf_transfer hf_xet sk_learn",
    "A default image of 123456 pixels; a keyboard, a monkey and 1 password",
    "Set it as a secret: HF_TOKEN for Hugging Face, CIVITAI_TOKEN; password: required",
    "the default of DB is image, of 131072 and disabled",
    "cannot read /root/service-account.json or /workspace/package/models-key-file",
    "ssh-ed25519 AAAAC3NzaC1lZDI1 and bananas-42",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "prompt 3f2b8c1e-aaaa-4bbb-8ccc-1234567890ab in 1.234 s",
    "correct the horse, battery of a staple",
    "Cookie jars and cookies: a story; Authorization is required",
    "a photo of a sk-8 board, hf_ and rpa_",
)

# Of such a piece a text is made on which an expression that looks too far would run for minutes.
PIECES = (
    *("a" * 7, "token", "://", "a:", "x=", '"', "\\", "?a=", "aa://b:", "Bearer a1", "Basic ", "cookie: "),
    *("authorization: ", "--token ", "-----BEGIN PRIVATE KEY-----", HUB[:11], "1", "token=a1", "?token=x ", "'a': 'b"),
)


@contextmanager
def logged(log_format: Literal["json", "text"], monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The worker's log, of a worker with the environment above."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    out = io.StringIO()
    try:
        configure_logging(log_format, out)
        yield out
    finally:
        root.handlers[:] = before
        root.setLevel(level)


def parts(secret: str) -> set[str]:
    return {secret[at : at + 6] for at in range(len(secret) - 5)} or {secret}


@pytest.mark.parametrize("name", SECRET)
def test_a_secret_is_in_no_line_of_the_log(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, secret = SECRET[name]
    assert secret in text
    for log_format in ("json", "text"):
        with logged(log_format, monkeypatch) as out:
            logging.getLogger("x").info("%s", text)
            logging.getLogger("x").info("a field", extra=log_fields(told=text, several=[{"deep": text}]))
            try:
                raise ValueError(text)
            except ValueError:
                logging.getLogger("x").exception("failed")
        told = out.getvalue()
        assert not [part for part in parts(secret) if part in told], told
        assert "***" in told


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_stays(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with logged("json", monkeypatch) as out:
        logging.getLogger("x").info("%s", text, extra=log_fields(told=text))
    line = json.loads(out.getvalue())
    assert (line["message"], line["told"]) == (text, text)


def test_a_long_text_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite's limit of time would end it."""
    with logged("json", monkeypatch) as out:
        for piece in PIECES:
            logging.getLogger("x").info("%s", piece * (200_000 // len(piece)))
    assert len(out.getvalue().splitlines()) == len(PIECES)


async def test_a_secret_is_in_no_answer_and_no_report(
    load: Load, comfyui: ComfyUI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    told = f"401 for https://me:pw1234@h/x?token={HUB}: {base64.b64encode(BUCKET.encode()).decode()}"
    comfyui.behave(run="error", message=told)
    endpoint: Any = load(COMFYUI_URL=comfyui.url, REPORT_DIR=tmp_path / "reports")
    error = error_of(await endpoint.handle({"id": "job-1", "input": {"prompt": f"my token {HUB}", "frame_count": 25}}))
    assert error["code"] == "comfyui_error"
    assert "401 for https://me:***@h/x?token=***" in error["message"]
    (report,) = (tmp_path / "reports").iterdir()
    for text in (json.dumps(error), report.read_text("utf-8")):
        for secret in (HUB, "pw1234", BUCKET, base64.b64encode(BUCKET.encode()).decode()[:-4]):
            assert not [part for part in parts(secret) if part in text]
