"""A job from its input to its answer, with a correct and with a faulty ComfyUI."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import logging
import tempfile
import threading
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image as Images
from pydantic import BaseModel

from comfy2runpod_runtime import CONTRACT, Endpoint, PackageError
from comfy2runpod_runtime.outputs.image import Image
from comfy2runpod_runtime.outputs.video import Video
from tests.standins.comfyui import ComfyUI, State, video

from .conftest import PACKAGE, Handle, Load, error_of

ASK = {"prompt": "a cat", "width": 128, "height": 64, "frame_count": 25, "seed": 7}


async def test_the_answer_holds_the_video_and_what_was_measured_on_it(handle: Handle, comfyui: ComfyUI) -> None:
    answer = await handle(ASK)
    video = base64.b64decode(answer.pop("video"), validate=True)
    (prompt_id,) = comfyui.prompts
    assert answer == {
        "media_type": "video/mp4",
        "bytes": len(video),
        "sha256": hashlib.sha256(video).hexdigest(),
        "width": 128,
        "height": 64,
        "frame_count": 25,
        "duration_seconds": 1.04,
        "seed": 7,
        "prompt_id": prompt_id,
    }
    with av.open(io.BytesIO(video)) as container:
        assert len(container.streams.audio) == 1
        assert sum(1 for _ in container.decode(video=0)) == 25


async def test_sizes_are_measured_not_echoed(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.content = lambda _prompt: video(96, 32, 17, 12, sound=False)
    answer = await handle(ASK)
    measured = {key: answer[key] for key in ("width", "height", "frame_count", "duration_seconds")}
    assert measured == {"width": 96, "height": 32, "frame_count": 17, "duration_seconds": 1.42}


async def test_the_request_reaches_the_prompt(handle: Handle, comfyui: ComfyUI) -> None:
    await handle({**ASK, "width": 100, "style": "ink"})
    ((prompt_id, prompt),) = comfyui.prompts.items()
    assert prompt["1"]["inputs"]["text"] == "a cat"
    assert prompt["3"]["inputs"]["width"] == 128
    assert prompt["7:5"]["inputs"]["options"] == {"style": "ink", "hd": False}
    assert prompt["9"]["inputs"]["filename_prefix"] == f"comfy2runpod/{prompt_id}/video"


async def test_nothing_of_one_job_stays_for_the_next(load: Load, comfyui: ComfyUI) -> None:
    endpoint = load(COMFYUI_URL=comfyui.url)
    await endpoint.handle({"id": "1", "input": {**ASK, "style": "ink"}})
    await endpoint.handle({"id": "2", "input": {"prompt": "a dog"}})
    first, second = comfyui.prompts.values()
    assert second["7:5"]["inputs"]["options"]["style"] == "plain"
    assert first["9"]["inputs"]["filename_prefix"] != second["9"]["inputs"]["filename_prefix"]


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
async def test_a_given_seed_is_used_and_returned(handle: Handle, comfyui: ComfyUI, seed: int) -> None:
    answer = await handle({"prompt": "a cat", "seed": seed})
    (prompt,) = comfyui.prompts.values()
    assert answer["seed"] == prompt["2"]["inputs"]["noise_seed"] == seed


@pytest.mark.parametrize("given", [{}, {"seed": None}])
async def test_a_seed_omitted_is_drawn_and_returned(handle: Handle, comfyui: ComfyUI, given: dict[str, object]) -> None:
    seeds = [(await handle({"prompt": "a cat", **given}))["seed"] for _ in range(3)]
    assert seeds == [prompt["2"]["inputs"]["noise_seed"] for prompt in comfyui.prompts.values()]
    assert len(set(seeds)) == 3
    assert all(0 <= seed < 2**53 for seed in seeds)


@pytest.mark.parametrize("websocket", ["refused", "silent", "dropped", "odd", "no_finish"])
async def test_the_result_is_the_same_whatever_the_websocket_does(
    handle: Handle, comfyui: ComfyUI, websocket: str
) -> None:
    comfyui.behave(websocket=websocket)
    assert (await handle(ASK))["frame_count"] == 25


async def test_a_connection_that_breaks_loses_no_finished_work(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(history="reset", times=3)
    assert (await handle(ASK))["frame_count"] == 25


async def test_a_200_with_node_errors_is_a_failure(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(prompt="node_errors")
    error = error_of(await handle(ASK))
    assert error["code"] == "comfyui_error"
    assert comfyui.interrupted == comfyui.deleted == list(comfyui.prompts)


async def test_a_refused_prompt_names_the_node_the_input_and_the_reason(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(prompt="refused")
    assert error_of(await handle(ASK)) == {
        "code": "comfyui_error",
        "message": "ComfyUI refused the prompt. Model (node 4): input ckpt_name: Value not in list: "
        "ckpt_name: 'tiny.safetensors' not in ['other.safetensors'].",
    }


async def test_a_node_that_fails_is_named_by_title_without_host_paths(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(run="error")
    assert error_of(await handle(ASK)) == {
        "code": "comfyui_error",
        "message": "Sampler, first stage (node 7:5, SamplerCustom) failed: SafetensorError: "
        "Error while reading tiny.safetensors: header too large",
    }


async def test_an_interruption_from_elsewhere_is_a_cancellation(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(run="interrupted")
    assert error_of(await handle(ASK))["code"] == "cancelled"


async def test_a_job_that_comfyui_forgot_ends(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(run="forgotten")
    error = error_of(await handle(ASK))
    assert error["code"] == "comfyui_unavailable"
    assert "no longer knows the job" in error["message"]


async def test_an_answer_that_is_not_comfyuis_is_reported(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(prompt="502")
    error = error_of(await handle(ASK))
    assert error == {"code": "comfyui_unavailable", "message": "ComfyUI answered HTTP 502."}


async def test_a_comfyui_that_does_not_answer_is_reported_at_once(handle: Handle) -> None:
    error = error_of(await handle(ASK, COMFYUI_URL="http://127.0.0.1:9"))
    assert error == {"code": "comfyui_unavailable", "message": "ComfyUI does not answer: there is no connection."}


async def test_a_silent_comfyui_ends_the_job_after_the_bound(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(run="hangs", history="dead")
    error = error_of(await handle(ASK, COMFYUI_SILENCE_SECONDS=0.3, POLL_SECONDS=0.1))
    assert error["code"] == "comfyui_unavailable"
    assert comfyui.interrupted == list(comfyui.prompts)


async def test_a_job_that_takes_too_long_is_interrupted(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(run="hangs")
    error = error_of(await handle(ASK, JOB_TIMEOUT_SECONDS=2))
    assert error == {"code": "timeout", "message": "The job took longer than 2 s and was stopped while ComfyUI ran it."}
    assert comfyui.interrupted == list(comfyui.prompts)
    comfyui.behave()
    assert "video" in await handle(ASK, JOB_TIMEOUT_SECONDS=60)


@pytest.mark.parametrize("state", ["queueing", "running"])
async def test_a_cancelled_job_interrupts_comfyui_and_frees_the_worker(
    load: Load, comfyui: ComfyUI, state: str
) -> None:
    comfyui.behave(run="hangs", prompt="slow" if state == "queueing" else "taken")
    endpoint = load(COMFYUI_URL=comfyui.url)
    task = asyncio.create_task(endpoint.handle({"id": "job-1", "input": ASK}))
    while "POST prompt" not in comfyui.requests or (state == "running" and not comfyui.running):
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert comfyui.interrupted == comfyui.deleted == list(comfyui.prompts)
    while comfyui.running:
        await asyncio.sleep(0.01)
    comfyui.behave()
    assert "video" in await endpoint.handle({"id": "job-2", "input": ASK})


async def test_one_job_at_a_time(load: Load, comfyui: ComfyUI) -> None:
    comfyui.behave(seconds=0.1)
    endpoint = load(COMFYUI_URL=comfyui.url)
    answers = await asyncio.gather(*(endpoint.handle({"id": str(n), "input": {**ASK, "seed": n}}) for n in range(3)))
    assert [answer["seed"] for answer in answers] == [0, 1, 2]
    assert comfyui.most_queued == 1


async def test_a_job_leaves_no_thread_and_no_task(load: Load, comfyui: ComfyUI) -> None:
    endpoint = load(COMFYUI_URL=comfyui.url)
    await endpoint.handle({"id": "1", "input": ASK})
    tasks, threads = len(asyncio.all_tasks()), _listening()
    comfyui.behave(run="error")
    await endpoint.handle({"id": "2", "input": ASK})
    assert _listening() == threads
    assert len(threads) == 1
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) <= tasks


def _listening() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "comfyui-events"]


def test_nothing_is_left_once_the_loop_has_ended(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    async def two_jobs() -> list[str]:
        async with ComfyUI(State(tmp_path / "comfyui")) as comfyui:
            endpoint = load(COMFYUI_URL=comfyui.url)
            for number in range(2):
                assert "error" not in await endpoint.handle({"id": str(number), "input": ASK})
            assert _listening()
            (folder,) = place.iterdir()
            assert list(folder.iterdir()) == []
            return comfyui.requests

    requests = asyncio.run(two_jobs())
    # The second job finds the connections of the first, and with them a ComfyUI that lives.
    assert (requests.count("GET ws"), requests.count("GET system_stats")) == (1, 1)
    assert _listening() == []
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("misbehaviour", "code", "message"),
    [
        ({"file": "none"}, "output_missing", "Save the video (node 9) saved nothing for video"),
        ({"file": "temp"}, "output_missing", "Save the video (node 9) saved nothing for video"),
        ({"file": "two"}, "output_missing", "Save the video (node 9) saved 2 files for video; one is expected"),
        ({"file": "empty"}, "output_invalid", "is not a whole video"),
        ({"content": lambda _: b"\0" * 5000}, "output_invalid", "is not a whole video"),
        ({"content": lambda _: video(128, 64, 25)[:-20_000]}, "output_invalid", "is not a whole video"),
    ],
)
async def test_a_missing_or_broken_file_is_never_a_success(
    handle: Handle, comfyui: ComfyUI, misbehaviour: dict[str, Any], code: str, message: str
) -> None:
    comfyui.content = misbehaviour.pop("content", None)
    comfyui.behave(**misbehaviour)
    error = error_of(await handle(ASK))
    assert error["code"] == code
    assert message in error["message"]


async def test_a_file_under_any_key_is_found(handle: Handle, comfyui: ComfyUI) -> None:
    comfyui.behave(file="other_key")
    assert (await handle(ASK))["frame_count"] == 25


async def test_a_result_that_runpod_would_not_carry_is_reported_with_its_size(handle: Handle, comfyui: ComfyUI) -> None:
    file = video(64, 64, 9)
    comfyui.content = lambda _prompt: file
    error = error_of(await handle(ASK, MAX_INLINE_BYTES=1000))
    assert error["code"] == "output_too_large"
    assert f"{len(file):,} bytes" in error["message"]
    assert "1,000" in error["message"]
    assert "video" in await handle(ASK, MAX_INLINE_BYTES=len(file))


async def test_progress_names_the_node_and_its_step(
    load: Load, comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[dict[str, object]] = []
    monkeypatch.setattr(
        "comfy2runpod_runtime.job.runner.ProgressSender.send", lambda _self, update: updates.append(update)
    )
    await load(COMFYUI_URL=comfyui.url, PROGRESS_SECONDS=0).handle({"id": "job-1", "input": ASK})
    assert {"node": "Sampler, first stage", "percent": 33, "step": 2, "of": 2} in updates
    assert updates[0] == {"node": "Size", "percent": 17}


async def test_progress_is_spaced(load: Load, comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch) -> None:
    updates: list[object] = []
    monkeypatch.setattr(
        "comfy2runpod_runtime.job.runner.ProgressSender.send", lambda _self, update: updates.append(update)
    )
    comfyui.behave(steps=200)
    await load(COMFYUI_URL=comfyui.url, PROGRESS_SECONDS=30).handle({"id": "job-1", "input": ASK})
    assert len(updates) == 1


async def test_progress_counts_what_comfyui_has_kept(
    load: Load, comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[dict[str, object]] = []
    monkeypatch.setattr(
        "comfy2runpod_runtime.job.runner.ProgressSender.send", lambda _self, update: updates.append(update)
    )
    comfyui.behave(cached=("1", "2", "7:6"))
    await load(COMFYUI_URL=comfyui.url, PROGRESS_SECONDS=0).handle({"id": "job-1", "input": ASK})
    assert [update["percent"] for update in updates if "step" not in update] == [67, 83]


async def test_an_update_that_comes_too_soon_is_sent_later(
    load: Load, comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[dict[str, object]] = []
    monkeypatch.setattr(
        "comfy2runpod_runtime.job.runner.ProgressSender.send", lambda _self, update: updates.append(update)
    )
    comfyui.behave(run="hangs")
    settings = {"PROGRESS_SECONDS": 0.3, "POLL_SECONDS": 0.1, "JOB_TIMEOUT_SECONDS": 1}
    await load(COMFYUI_URL=comfyui.url, **settings).handle({"id": "job-1", "input": ASK})
    assert [update["node"] for update in updates] == ["Size", "Sampler, first stage"]
    assert updates[-1]["step"] == updates[-1]["of"] == 2


async def test_the_log_has_one_line_a_job_and_says_simulated(
    handle: Handle, comfyui: ComfyUI, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="comfy2runpod")
    await handle(ASK)
    simulator = {"comfy2runpod_simulator": "0.1.0"}
    comfyui.behave(system=simulator)
    await handle(ASK)
    comfyui.behave(system=simulator, run="error")
    await handle(ASK)
    records = [record for record in caplog.records if record.name == "comfy2runpod"]
    lines: list[Any] = [record.__dict__["fields"] for record in records]
    assert [line["result"] for line in lines] == ["done", "done", "comfyui_error"]
    assert ["SIMULATED" in line for line in lines] == [False, True, True]
    assert lines[0]["bytes"]["video"] > 1000
    parts = ["validate", "fetch", "wait", "queue", "in_queue", "run", "collect", "measure", "deliver"]
    assert list(lines[0]["timings"]) == parts


def _patch_nothing(_prompt: object, _request: object, _run: object) -> None:
    pass


def _endpoint(outputs: Any, answer: type[BaseModel], patch: Any = _patch_nothing, contract: int = CONTRACT) -> Any:
    class Empty(BaseModel):
        pass

    return Endpoint(
        package=PACKAGE, contract=contract, request=Empty, answer=answer, patch=patch, seeds=(), outputs=outputs
    )


async def test_a_bug_is_an_internal_error_without_a_traceback_for_the_caller(
    comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_prompt: object, _request: object, _run: object) -> None:
        raise KeyError("/secret/path")

    monkeypatch.setenv("COMFYUI_URL", comfyui.url)
    error = error_of(await _endpoint((), BaseModel, broken).handle({"id": "job-1", "input": {}}))
    assert error == {
        "code": "internal_error",
        "message": "The worker failed because of an internal error; its log has more.",
    }
    assert "/secret/path" in caplog.text


async def test_an_answer_that_breaks_the_packages_promise_is_not_given(
    comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Promise(BaseModel):
        video: str
        subtitles: str

    monkeypatch.setenv("COMFYUI_URL", comfyui.url)
    answer = await _endpoint((Video(name="video", node="9"),), Promise).handle({"id": "job-1", "input": {}})
    assert error_of(answer)["code"] == "internal_error"


def test_a_package_of_another_contract_is_refused() -> None:
    with pytest.raises(PackageError, match=r"contract 1, this runtime has 3: compile the graph again"):
        _endpoint((), BaseModel, contract=1)


def test_a_package_without_a_prompt_is_refused(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "contract": CONTRACT,
        "request": BaseModel,
        "answer": BaseModel,
        "patch": _patch_nothing,
    }
    with pytest.raises(PackageError, match=r"workflow_api\.json cannot be read"):
        Endpoint(package=tmp_path, seeds=(), outputs=(), **arguments)
    (tmp_path / "workflow_api.json").write_text('{"nodes": []}')
    with pytest.raises(PackageError, match=r"workflow_api\.json is not an API prompt"):
        Endpoint(package=tmp_path, seeds=(), outputs=(), **arguments)


def _image(kind: str) -> bytes:
    file = io.BytesIO()
    Images.new("RGB", (40, 30), "red").save(file, kind)
    return file.getvalue()


async def test_several_outputs_are_objects_and_many_files_a_list(
    comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Anything(BaseModel):
        pass

    png = _image("PNG")
    comfyui.content = lambda _prompt: png
    comfyui.behave(file="two")
    monkeypatch.setenv("COMFYUI_URL", comfyui.url)
    endpoint = _endpoint((Image(name="images", node="9", many=True),), Anything)
    answer = await endpoint.handle({"id": "job-1", "input": {}})
    one = {
        "data": base64.b64encode(png).decode(),
        "media_type": "image/png",
        "bytes": len(png),
        "sha256": hashlib.sha256(png).hexdigest(),
        "width": 40,
        "height": 30,
    }
    assert answer["images"] == [one, one]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_image("JPEG"), "The file for image is image/jpeg, not image/png."),
        (_image("PNG")[:-30], "is not a whole image"),
        (b"not an image", "is not a whole image"),
    ],
)
async def test_an_image_of_another_kind_or_cut_short_is_invalid(
    comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    comfyui.content = lambda _prompt: content
    monkeypatch.setenv("COMFYUI_URL", comfyui.url)
    answer = await _endpoint((Image(name="image", node="9"),), BaseModel).handle({"id": "job-1", "input": {}})
    assert error_of(answer)["code"] == "output_invalid"
    assert message in error_of(answer)["message"]
