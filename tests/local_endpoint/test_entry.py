"""The Python entry of the local endpoint, and the command."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from comfy2runpod.diagnostics import CompileError
from comfy2runpod.local_endpoint import LocalEndpoint, running_endpoint
from tests.patience import HANG_SECONDS

from .conftest import KEY, SMALL


def test_what_is_not_a_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=r"no handler\.py"):
        LocalEndpoint(tmp_path)


def test_an_endpoint_on_a_thread_serves_callers_that_are_not_async(package: Path, tmp_path: Path) -> None:
    with running_endpoint(LocalEndpoint(package, worker_log=tmp_path / "log")) as url:
        answer = httpx.post(f"{url}/runsync", json={"input": SMALL}, headers=KEY, timeout=HANG_SECONDS).json()
    assert answer["status"] == "COMPLETED"


def serve(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from comfy2runpod.cli import main; main()", "serve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_serves_until_it_is_told_to_end_and_leaves_no_process(package: Path) -> None:
    with serve(str(package), "--port", "0") as process:
        try:
            first, *more = [process.stdout.readline() for _ in range(5)]
            assert more[-1].startswith("Simulator: no ComfyUI, and no model runs.")
            url = first.split()[2]
            assert "Bearer local" in first
            answer = httpx.post(
                f"{url}/v2/t2i_klein_4b/runsync", json={"input": SMALL}, headers=KEY, timeout=HANG_SECONDS
            ).json()
            assert answer["status"] == "COMPLETED"
            page = httpx.get(f"{url}/t2i_klein_4b/")
            assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
            mark = '<meta name="comfy2runpod-endpoint" content="/v2/t2i_klein_4b">\n'
            alone = (package / "docs" / "index.html").read_text()
            before, header, behind = alone.partition("<header>\n")
            shown = page.text.replace(mark, "")
            assert shown.startswith(before + header)
            assert shown.endswith(behind)
            assert '<a href="../index.html">All endpoints</a>' in shown
            assert httpx.get(f"{url}/t2i_klein_4b/../index.html").status_code == 200
            assert httpx.get(f"{url}/t2i_klein_4b/reference.html").status_code == 200
            assert mark in page.text
            for path, media_type, said in (
                ("", "text/html", 'href="t2i_klein_4b/reference.html"'),
                ("t2i_klein_4b/reference.html", "text/html", 'src="../site-assets/redoc.standalone.js"'),
                ("site-assets/redoc.standalone.js", "text/javascript", "Redoc"),
                ("t2i_klein_4b/API.md", "text/markdown", "## Errors"),
            ):
                answer = httpx.get(f"{url}/{path}")
                assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, media_type)
                assert said in answer.text
        finally:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 0
    assert "Ended." in out
    assert "Simulator: no" not in out + err
    for _ in range(50):
        left = [c for p in Path("/proc").glob("[0-9]*") if str(package) in (c := _command(p))]
        if not left:
            break
        time.sleep(0.1)
    assert left == []


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


def test_an_address_that_is_taken_is_reported_as_such(package: Path) -> None:
    with running_endpoint(LocalEndpoint(package)) as url:
        port = url.split(":")[2].split("/")[0]
        with serve(str(package), "--port", port) as process:
            _, said = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 3
    assert "Cannot listen on" in said
    assert "--port" in said


def test_packages_of_one_name_are_told_apart_by_their_folders_and_404_lists_them(package: Path, tmp_path: Path) -> None:
    twin = shutil.copytree(package, tmp_path / "twin")
    eponym = shutil.copytree(package, tmp_path / "t2i_klein_4b")
    with serve(str(twin), str(eponym), "--port", "0") as process:
        try:
            url = process.stdout.readline().split()[2]
            lines = [process.stdout.readline() for _ in range(6)]
            assert [line.rpartition("/")[2].strip() for line in lines if "API" in line] == ["twin", "t2i_klein_4b"]
            assert httpx.get(f"{url}/v2/t2i_klein_4b/health", headers=KEY).status_code == 200
            assert httpx.get(f"{url}/v2/twin/health", headers=KEY).status_code == 200
            missing = httpx.get(f"{url}/v2/small/health", headers=KEY)
            assert missing.status_code == 404
            assert "/v2/twin, /v2/t2i_klein_4b." in missing.json()["error"]
        finally:
            process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=HANG_SECONDS)
    assert "twin is named twin here, after its folder: another package is named t2i_klein_4b." in said


@pytest.mark.parametrize("tests", [None, "[]", '{"tests": [{"name": "../x_example"}]}', '{"tests": [{"name": 3}]}'])
def test_a_package_that_does_not_tell_its_name_has_its_folders(
    package: Path, tmp_path: Path, tests: str | None
) -> None:
    copy = shutil.copytree(package, tmp_path / "copy")
    (copy / ".runpod" / "tests.json").unlink()
    if tests is not None:
        (copy / ".runpod" / "tests.json").write_text(tests)
    with running_endpoint(LocalEndpoint(copy)) as url:
        assert url.endswith("/v2/copy")


def test_two_packages_of_one_name_and_a_folder_that_is_none_are_refused(package: Path, tmp_path: Path) -> None:
    twins = [tmp_path / "first" / "twin", tmp_path / "second" / "twin"]
    for twin in twins:
        for name in ("handler.py", "docs/openapi.json"):
            (twin / name).parent.mkdir(exist_ok=True, parents=True)
            (twin / name).write_text((package / name).read_text())
    for arguments, code, text in (
        (map(str, twins), 2, "are named twin"),
        ((str(tmp_path / "first"),), 1, "are missing"),
    ):
        with serve(*arguments) as process:
            _, said = process.communicate(timeout=HANG_SECONDS)
        assert process.returncode == code
        assert text in said


def test_a_page_whose_name_is_a_pattern_to_a_router_is_served(package: Path, tmp_path: Path) -> None:
    strange = shutil.copytree(package, tmp_path / "strange")
    for name in ("a{b.md", "{c}.md", "d}.md", "{e:[.md"):
        (strange / "docs" / name).write_text(name)
    with serve(str(strange), "--port", "0") as process:
        try:
            url = process.stdout.readline().split()[2]
            for name in ("a{b.md", "{c}.md", "d}.md", "{e:[.md"):
                assert httpx.get(f"{url}/t2i_klein_4b/{quote(name)}").text == name
            assert httpx.get(f"{url}/t2i_klein_4b/ab.md").status_code == 404
        finally:
            process.terminate()
