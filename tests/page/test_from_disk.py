"""The page opened from disk, with the network cut, in a real browser."""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from playwright.async_api import Locator, Page, expect

from .conftest import Open
from .images import animated, extended_webp, image, lossless_webp
from .packages import ENDLESS, OUR_GRAPHS
from .videos import sound, video

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.editor]

PNG = {"name": "cat.png", "mimeType": "image/png", "buffer": image()}
URL = "https://example.com/cat.png"
# What the form of every_kind begins with: as its example, several images are asked for as WebP.
ALONE = {"prompt": "a cat", "output": {"format": "webp"}}


async def request_of(page: Page) -> Any:
    return json.loads(await page.inner_text("#request-text"))["input"]


async def told(page: Page, field: str) -> str:
    return await page.locator(f"#fault-{field}").inner_text()


@pytest.mark.parametrize("name", [*OUR_GRAPHS, "every_kind", "hostile"])
async def test_it_opens_without_a_single_request(open_page: Open, on_disk: dict[str, str], name: str) -> None:
    opened = await open_page(on_disk[name], offline=True)
    await expect(opened.page.locator("#request-text")).to_contain_text('"input"')
    assert opened.requests == [on_disk[name]]
    await expect(opened.page.locator("#from-disk")).to_contain_text("comfy2runpod serve")
    assert await opened.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


async def test_it_reads_without_javascript(open_page: Open, on_disk: dict[str, str]) -> None:
    opened = await open_page(on_disk["t2v_ltx2"], java_script_enabled=False)
    for text in ("multiple of 8 plus 1", "out_of_memory", "frame_count", "20 MB"):
        await expect(opened.page.locator("body")).to_contain_text(text)


async def test_what_is_left_alone_is_not_in_the_request(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    assert await request_of(page) == ALONE
    await expect(page.locator("#request-state")).to_have_text("Not complete: image.")
    await page.fill("#url-image", URL)
    assert await request_of(page) == {**ALONE, "image": URL}
    await expect(page.locator("#request-state")).to_be_hidden()


async def test_every_control_makes_its_part_of_the_request(
    open_page: Open, on_disk: dict[str, str], packages: dict[str, Path]
) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    typed = {
        "prompt": 'a "cat"\n\\ é 💥',
        "style": "",
        "word": "five",
        "size": "128",
        "frames": "17",
        "many": "-7",
        "huge": "-9223372036854775808",
        "strength": "1.25",
        "least": "3",
        "any": "-1e3",
        "seed": "18446744073709551615",
    }
    for field, text in typed.items():
        await page.fill(f"#input-{field}", text)
    await page.select_option("#input-method", 'a "quoted" one')
    await page.uncheck("#input-loop")
    await page.set_input_files("#input-image", PNG)
    await page.locator(".preview img").wait_for()
    await page.uncheck("input[value=said]")
    await page.check("#input-allow_partial")
    await page.check("#input-timings")
    await page.select_option("#input-output-format", "jpeg")
    await page.fill("#input-output-quality", "80")
    await page.select_option("#input-output-delivery", "url")
    expected = {
        "prompt": 'a "cat"\n\\ é 💥',
        "style": "",
        "word": "five",
        "size": 128,
        "frames": 17,
        "many": -7,
        "huge": -(2**63),
        "strength": 1.25,
        "least": 3,
        "any": -1000,
        "method": 'a "quoted" one',
        "loop": False,
        "seed": 2**64 - 1,
        "image": base64.b64encode(PNG["buffer"]).decode(),
        "outputs": ["view"],
        "allow_partial": True,
        "output": {"format": "jpeg", "quality": 80, "delivery": "url"},
        "timings": True,
    }
    shown = await request_of(page)
    assert shown["image"].startswith(expected["image"][:24])
    async with page.expect_download() as downloading:
        await page.click("#save-request")
    download = await downloading.value
    assert download.suggested_filename == "request.json"
    saved = json.loads(Path(await download.path()).read_text("utf-8"))
    assert saved == {"input": expected}
    schema = json.loads((packages["every_kind"] / "docs/input.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(saved["input"])
    await page.click("text=Reset the form")
    assert await request_of(page) == ALONE


# Field, what is typed, what is said; None where it is right. The words are those of the worker's own refusals.
TYPED = [
    ("prompt", "", "is required"),
    ("prompt", "x" * 20, None),
    ("prompt", "💥" * 20, None),
    ("prompt", "x" * 21, "must have at most 20 characters, not 21"),
    ("word", "ab", "must have at least 3 characters, not 2"),
    ("word", "", "must have at least 3 characters, not 0"),
    ("style", "", None),
    ("size", "16", None),
    ("size", "9", "must be from 10 to 512, a multiple of 8, not 9"),
    ("size", "520", "must be from 10 to 512, a multiple of 8, not 520"),
    ("size", "65", "must be a multiple of 8; the nearest to 65 are 64 and 72"),
    ("size", "10", "must be a multiple of 8; the nearest to 10 is 16"),
    ("size", "64.5", "must be a whole number, not 64.5"),
    ("frames", "10", "must be 8·n + 1; the nearest to 10 are 9 and 17"),
    ("frames", "2", "must be 8·n + 1; the nearest to 2 is 9"),
    ("frames", "98", "must be from 2 to 97, 8·n + 1, not 98"),
    ("many", "-20001", "must be from -20000 to 20000, 8·n + 1, not -20001"),
    ("many", "-8", "must be 8·n + 1; the nearest to -8 are -15 and -7"),
    ("many", "-19999", None),
    ("huge", "18446744073709551614", None),
    (
        "huge",
        "18446744073709551616",
        "must be from -9223372036854775808 to 18446744073709551615, not 18446744073709551616",
    ),
    ("huge", "1e3", "must be a whole number, not 1e3"),
    ("huge", "0x10", "must be a whole number, not 0x10"),
    ("strength", "1.6", "must be from 0 to 1.5, not 1.6"),
    ("strength", "0", None),
    ("least", "0.2", "must be at least 0.25, not 0.2"),
    ("any", "1e999", "must be a number"),
    ("any", "-0.5", None),
    ("seed", "", None),
    ("seed", "0", None),
    ("seed", "-1", "must be from 0 to 18446744073709551615, not -1"),
    ("seed", "18446744073709551616", "must be from 0 to 18446744073709551615, not 18446744073709551616"),
    ("seed", "one", "must be a whole number, not one"),
    ("output-quality", "0", "must be from 1 to 100, not 0"),
    ("output-quality", "101", "must be from 1 to 100, not 101"),
    ("output-quality", "", None),
]


async def test_what_is_wrong_is_reported_at_its_field_and_what_is_right_fits_the_schema(
    open_page: Open, on_disk: dict[str, str], packages: dict[str, Path]
) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    schema = Draft202012Validator(json.loads((packages["every_kind"] / "docs/input.schema.json").read_text("utf-8")))
    await page.fill("#url-image", URL)
    for field, text, fault in TYPED:
        control = page.locator(f"#input-{field}")
        before = await control.input_value()
        await control.fill("")
        await page.keyboard.insert_text(text)
        await control.blur()
        if fault is None:
            assert await page.locator(f"#fault-{field}").is_hidden(), (field, text)
            assert await control.get_attribute("aria-invalid") is None
            schema.validate(await request_of(page))
        else:
            assert await told(page, field) == f"This {fault}.", (field, text)
            assert await control.get_attribute("aria-invalid") == "true"
            assert f"fault-{field}" in await control.get_attribute("aria-describedby")
            assert field not in await request_of(page)
            await expect(page.locator("#request-state")).to_contain_text(field.replace("-", "."))
        await control.fill(before)
        await control.blur()
    assert await page.locator(".fault:visible").count() == 0


async def test_sending_goes_to_the_first_field_that_is_wrong(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    await page.fill("#input-size", "65")
    await page.click("#send")
    await expect(page.locator("#input-size")).to_be_focused()
    assert await told(page, "image") == "This is required."
    await expect(page.locator("#status")).to_have_text("Not sent: 2 fields need to be corrected.")
    await page.fill("#input-size", "64")
    assert await page.locator("#fault-size").is_hidden()
    await page.click("#send")
    await expect(page.locator("#input-image")).to_be_focused()


async def test_no_output_at_all_is_no_choice(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    await page.uncheck("input[value=view]")
    await page.uncheck("input[value=said]")
    assert await told(page, "outputs") == "This must not be empty."
    await page.check("input[value=said]")
    assert (await request_of(page))["outputs"] == ["said"]


IMAGES = [
    ("cat.png", image(), "PNG, 40 x 30", None),
    ("cat.jpg", image("JPEG", (50, 20)), "JPEG, 50 x 20", None),
    ("grey.jpg", image("JPEG", (33, 44), "L"), "JPEG, 33 x 44", None),
    ("cat.webp", image("WEBP"), "WebP, 40 x 30", None),
    ("lossless.webp", lossless_webp((41, 31)), "WebP, 41 x 31", None),
    ("extended.webp", extended_webp((42, 32)), "WebP, 42 x 32", None),
    ("named.png", image("GIF"), None, "is not an image of a known format; it must be a PNG, JPEG or WebP image"),
    ("text.png", b"hello", None, "is not an image of a known format"),
    ("empty.png", b"", None, "is empty"),
    ("cut.png", image()[:20], None, "is not a whole PNG file"),
    ("cut.jpg", image("JPEG")[:30], None, "is not a whole JPEG file"),
    ("wide.png", image("PNG", (400, 30)), None, "400x30 has 0.012 megapixels; at most 0.01 are allowed"),
    ("thin.png", image("PNG", (100, 10)), None, "100x10 is too long and thin; a side may be 8 times as long"),
    ("moving.png", animated("PNG"), None, "is animated"),
    ("moving.webp", animated("WEBP"), None, "is animated"),
    ("long.png", image() + bytes(50_000), None, "bytes; at most 50,000 bytes are allowed"),
]


async def test_an_image_is_checked_before_it_is_accepted(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    for name, content, facts, fault in IMAGES:
        await page.set_input_files("#input-image", {"name": name, "mimeType": "image/png", "buffer": content})
        if fault is not None:
            await expect(page.locator("#fault-image")).to_contain_text(fault)
            assert "image" not in await request_of(page)
            continue
        await expect(page.locator("[data-field=image] .preview")).to_contain_text(facts)
        assert await page.locator("#fault-image").is_hidden(), name
        shown = page.locator(".preview img")
        await expect(shown).to_have_js_property("naturalWidth", int(facts.split()[1]))
        assert base64.b64encode(content).decode().startswith((await request_of(page))["image"][:24])
    await page.fill("#url-image", "http://example.com/a.png")
    await page.locator("#url-image").blur()
    assert await told(page, "image") == "This must be an https URL at a public address."
    await page.fill("#url-image", URL)
    assert (await request_of(page))["image"] == URL
    await page.set_input_files("#input-image", PNG)
    await page.click("text=Remove the file")
    assert "image" not in await request_of(page)
    await expect(page.locator("#input-image")).to_be_focused()


VIDEOS = [
    ("clip.webm", video(), "WebM, 64 x 48, 2 s", None),
    ("tall.webm", video(size=(48, 100), frames=8), "WebM, 48 x 100, 1 s", None),
    # What this browser plays is its own affair: the container alone is told of.
    ("clip.mp4", video("mp4"), "MP4, ", None),
    ("cut.webm", video()[:300], "WebM, ", None),
    ("named.webm", image("GIF"), None, "is not a video of a known container; it must be an MP4 or WebM video"),
    ("clip.mov", video("mov"), None, "is a QuickTime video; it must be an MP4 or WebM video"),
    ("clip.mkv", video("matroska"), None, "is a Matroska video"),
    ("empty.mp4", b"", None, "is empty"),
    ("wide.webm", video(size=(400, 30)), None, "400x30 has 0.012 megapixels; at most 0.01 are allowed"),
    ("long.webm", video(frames=40), None, "lasts 5.0 s; at most 3 s are allowed"),
    ("heavy.webm", video() + bytes(50_000), None, "bytes; at most 50,000 bytes are allowed"),
    ("sound.webm", sound(), None, "has sound alone"),
]


async def test_a_video_is_played_and_measured_before_it_is_accepted(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    await page.fill("#url-image", URL)
    hint = page.locator("#hint-clip")
    await expect(hint).to_contain_text(
        "MP4 or WebM, at most 50.0 KB, 0.01 megapixels a frame, 60 frames and 3 seconds."
    )
    shown = page.locator("[data-field=clip] .preview")
    for name, content, facts, fault in VIDEOS:
        await page.set_input_files("#input-clip", {"name": name, "mimeType": "video/webm", "buffer": content})
        if fault is not None:
            await expect(page.locator("#fault-clip")).to_contain_text(fault)
            assert "clip" not in await request_of(page)
            assert await shown.is_hidden(), name
            continue
        await expect(shown).to_contain_text(f"{name}{facts}")
        assert await page.locator("#fault-clip").is_hidden(), name
        assert base64.b64encode(content).decode().startswith((await request_of(page))["clip"][:24])
    await page.set_input_files("#input-clip", {"name": "a.webm", "mimeType": "video/webm", "buffer": video()})
    player = shown.locator("video")
    await expect(player).to_have_js_property("videoWidth", 64)
    assert await player.evaluate("one => one.controls && one.muted")
    await page.fill("#url-clip", "https://example.com/clip.mp4")
    assert (await request_of(page))["clip"] == "https://example.com/clip.mp4"
    assert await shown.is_hidden()


async def test_a_file_that_is_dropped_is_accepted(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    content = video()
    dropped = await page.evaluate_handle(
        """base64 => {
          const bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], "dropped.webm", { type: "video/webm" }));
          return data;
        }""",
        base64.b64encode(content).decode(),
    )
    field = page.locator("[data-field=clip]")
    await field.dispatch_event("dragover", {"dataTransfer": dropped})
    await field.dispatch_event("drop", {"dataTransfer": dropped})
    await expect(field.locator(".preview")).to_contain_text("dropped.webmWebM, 64 x 48, 2 s")
    assert base64.b64encode(content).decode().startswith((await request_of(page))["clip"][:24])


async def test_calls_name_a_video_by_its_file_and_say_where_one_is_missing(
    open_page: Open, on_disk: dict[str, str]
) -> None:
    page = (await open_page(on_disk["every_kind"], offline=True)).page
    await page.set_input_files("#input-clip", {"name": "clip.webm", "mimeType": "video/webm", "buffer": video()})
    await expect(page.locator("[data-field=clip] .preview")).to_contain_text("clip.webm")
    calls = {}
    for name in ("python", "typescript", "n8n"):
        await page.check(f"input[value={name}]")
        calls[name] = await page.inner_text("#call-text")
    assert '"clip": Path("clip.webm")' in calls["python"]
    assert '"clip": await file("clip.webm")' in calls["typescript"]
    assert "import { file, save } from" in calls["typescript"]
    assert "VIDEO_AS_BASE64_OR_HTTPS_URL" in calls["n8n"]
    assert "IMAGE_AS_BASE64_OR_HTTPS_URL" in calls["n8n"]


async def test_the_size_stands_beside_what_runpod_takes(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["i2i_multiangle"], offline=True)).page
    # An image that is whole and large: what stands after its end counts.
    for million, said in ((1, "10 MB that /run takes"), (8, "goes by /runsync"), (16, "more than RunPod takes")):
        large = {"name": "large.png", "mimeType": "image/png", "buffer": image() + bytes(million * 10**6)}
        await page.set_input_files("#input-image", large)
        await expect(page.locator("#request-size")).to_contain_text(said)
    await page.click("#send")
    await expect(page.locator("#status")).to_contain_text("larger than 20 MB")


async def clipboard(page: Page, button: Locator) -> str:
    await button.click()
    await expect(button).to_have_text("Copied")
    return str(await page.evaluate("() => navigator.clipboard.readText()"))


async def test_the_copy_buttons_copy_what_the_form_holds_now(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["t2v_ltx2"], offline=True, permissions=["clipboard-read", "clipboard-write"])).page
    await page.fill("#input-prompt", 'it\'s a "cat" $(id) `id`\nJSON\n{{ 1 }} \u2028')
    await page.fill("#input-seed", "18446744073709551615")
    await page.fill("#endpoint-id", "abc123")
    request = {"prompt": 'it\'s a "cat" $(id) `id`\nJSON\n{{ 1 }} \u2028', "seed": 2**64 - 1}
    copied = await clipboard(page, page.locator("#copy-request"))
    assert json.loads(copied) == {"input": request}
    assert "18446744073709551615" in copied
    await expect(page.locator("#request-size")).to_contain_text(f"{len(copied.encode())} bytes of 10 MB")

    copy = page.locator("#copy-call")
    calls = {}
    for name in ("curl", "python", "typescript", "n8n"):
        await page.check(f"input[value={name}]")
        await expect(copy).to_have_text("Copy the call")
        calls[name] = await clipboard(page, copy)
        assert "18446744073709551615" in calls[name]
        assert "abc123" in calls[name]
    body = calls["curl"].split("<<'JSON'\n")[1].split("\nJSON\n")[0]
    assert json.loads(body) == {"input": request}
    (run,) = [node for node in ast.walk(ast.parse(calls["python"])) if isinstance(node, ast.Call) and node.keywords
              and node.keywords[0].arg == "on_progress"]  # fmt: skip
    assert ast.literal_eval(run.args[0]) == request
    nodes = {node["name"]: node for node in json.loads(calls["n8n"])["nodes"]}
    assert json.loads(nodes["Send job"]["parameters"]["body"]) == {"input": request}
    assert nodes["Send job"]["parameters"]["url"] == "https://api.runpod.ai/v2/abc123/run"


async def test_nothing_that_the_graph_says_becomes_markup(open_page: Open, on_disk: dict[str, str]) -> None:
    for width in (360, 1280):
        opened = await open_page(on_disk["hostile"], offline=True, viewport={"width": width, "height": 800})
        page = opened.page
        await page.set_input_files("#input-image", PNG)
        await page.locator(".preview img").wait_for()
        await page.fill("#input-steps", "99")
        await page.click("#send")
        assert "<img src=x onerror=window.hit=2>" in await page.title()
        # Where people read a title: the heading, a label, an output's box.
        for place in ("h1", "label[for=input-style] span", "label.check span >> nth=0"):
            text = await page.locator(place).first.text_content()
            assert "</script><script>window.hit=1</script><img src=x onerror=window.hit=2>" in text, place
        # A description has lost its markup when it was compiled, but for what it shows as code.
        described = await page.locator("dt + dd >> nth=0").first.text_content()
        assert "<script>" not in described
        assert "window.hit=2" not in described
        assert ENDLESS in await page.locator(".lead").text_content()
        style = json.loads(await page.inner_text("#request-text"))["input"].get("style", "omitted")
        assert style == "omitted"
        assert await page.evaluate("() => window.hit") is None
        assert await page.locator("script").count() == 2
        assert await page.locator("img").count() == 1
        assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        assert opened.requests[0] == on_disk["hostile"]
        assert all(address.startswith("blob:") for address in opened.requests[1:])


async def test_printed_it_is_the_reference(open_page: Open, on_disk: dict[str, str]) -> None:
    page = (await open_page(on_disk["t2v_ltx2"], offline=True)).page
    await page.emulate_media(media="print")
    for place, seen in (("#form", False), ("nav", False), ("#errors", True), ("#call-text", True)):
        assert await page.locator(place).is_visible() is seen
