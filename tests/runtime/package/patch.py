"""A small package as comfy2runpod generates them, for the runtime's own tests: a request becomes a prompt."""

from schema import Input

from comfy2runpod_runtime import Prompt, Run, round_up, set_member


def patch(prompt: Prompt, request: Input, run: Run) -> None:
    """Writes a request into the prompt, one assignment an input that a field feeds."""
    prompt["1"]["inputs"]["text"] = request.prompt
    prompt["2"]["inputs"]["noise_seed"] = run.seeds["seed"]
    prompt["3"]["inputs"]["width"] = round_up(request.width, 64)
    prompt["3"]["inputs"]["height"] = round_up(request.height, 64)
    prompt["3"]["inputs"]["length"] = request.frame_count
    prompt["7:5"]["inputs"]["cfg"] = request.cfg
    set_member(prompt["7:5"]["inputs"], "options", "style", request.style)
    set_member(prompt["7:5"]["inputs"], "options", "hd", request.hd)
    prompt["9"]["inputs"]["filename_prefix"] = run.output_prefix("video")
