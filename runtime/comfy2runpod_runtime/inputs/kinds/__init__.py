"""The kinds of files that an input can be: a module or folder for each.

Importing this imports no library that decodes: the decoder process finds its kind here.
"""

from __future__ import annotations

from comfy2runpod_runtime.inputs.file_input import FileInput
from comfy2runpod_runtime.inputs.kinds.image import ImageInput
from comfy2runpod_runtime.inputs.kinds.video import VideoInput

KINDS: tuple[type[FileInput], ...] = (ImageInput, VideoInput)
