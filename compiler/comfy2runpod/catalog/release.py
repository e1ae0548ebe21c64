"""The ComfyUI that packages are made for: which release, from which commit, and what it pins of its own packages.

Everything that speaks of "the" ComfyUI takes it from here. The catalog, the image's lock and the editor are files made
from the same release; tests/package/test_release.py holds them to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Release:
    """One release of ComfyUI.

    `editor` is the version of comfyui-frontend-package that it pins. `requirements` are the versions that its
    requirements.txt allows, by package; an empty text allows all.

    `torch` is the version that the image has, and `cuda` the CUDA that torch's wheels on PyPI bring: the line on which
    ComfyUI's own kernels for fp8 and fp4 work (comfy/quant_ops.py). `host_cuda` are the CUDA versions, as RunPod names
    them, of the drivers on which it runs.
    """

    version: str
    commit: str
    editor: str
    requirements: Mapping[str, str]
    torch: str
    cuda: str
    host_cuda: tuple[str, ...]

    @property
    def of_image(self) -> tuple[str, ...]:
        """What the image's lock is made of: the requirements, with torch's version.

        torchaudio has the number of its torch and says of none that it needs it: beside another it does not load.
        """
        pinned = {**self.requirements, "torch": f"=={self.torch}", "torchaudio": f"=={self.torch}"}
        return tuple(name + allowed for name, allowed in pinned.items())


RELEASE = Release(
    version="0.21.0",
    commit="52976f3ea33cc2312c7b5a32e1c7510b203eefb6",
    editor="1.43.18",
    requirements=MappingProxyType(
        {
            "aiohttp": ">=3.11.8",
            "alembic": "",
            "av": ">=14.2.0",
            "blake3": "",
            "comfy-aimdo": "==0.3.0",
            "comfy-kitchen": ">=0.2.8",
            "comfyui-embedded-docs": "==0.4.4",
            "comfyui-frontend-package": "==1.43.18",
            "comfyui-workflow-templates": "==0.9.73",
            "einops": "",
            "filelock": "",
            "glfw": "",
            "kornia": ">=0.7.1",
            "numpy": ">=1.25.0",
            "pillow": "",
            "psutil": "",
            "pydantic": "~=2.0",
            "pydantic-settings": "~=2.0",
            "pyopengl": "",
            "pyyaml": "",
            "requests": "",
            "safetensors": ">=0.4.2",
            "scipy": "",
            "sentencepiece": "",
            "simpleeval": ">=1.0.0",
            "spandrel": "",
            "sqlalchemy": ">=2.0.0",
            "tokenizers": ">=0.13.3",
            "torch": "",
            "torchaudio": "",
            "torchsde": "",
            "torchvision": "",
            "tqdm": "",
            "transformers": ">=4.50.3",
            "yarl": ">=1.18.0",
        }
    ),
    torch="2.11.0",
    cuda="13.0",
    host_cuda=("13.0",),
)
# Pictures and videos of ComfyUI's template browser, 0.35 GB: its server starts without them, and no worker shows them.
NOT_IN_IMAGE = tuple(f"comfyui-workflow-templates-media-{kind}" for kind in ("api", "image", "other", "video"))
