"""A stand-in for ComfyUI's server: just enough of one for the real editor to start, open, save and convert graphs.

The editor's own files come from `comfyui-frontend-package`; the node classes come from the shipped catalog. It runs no
prompt, and every folder is empty but for the model files and the images of the input folder that it is told of.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from aiohttp import WSMsgType, web

from comfy2runpod.catalog.classes import Catalog
from comfy2runpod.catalog.folders import INPUT_FOLDER
from comfy2runpod.catalog.server_info import object_info
from comfy2runpod_contract.json_types import Json

# Answers of an idle server without node packs, by path below /api/. 404 where a real one has no such file either.
_IDLE: Mapping[str, Json] = {
    "users": {"storage": "server", "migrated": False},
    "features": {"supports_preview_metadata": True, "max_upload_size": 104857600, "assets": False},
    "extensions": [],
    "embeddings": [],
    "queue": {"queue_running": [], "queue_pending": []},
    "history": {},
    "prompt": {"exec_info": {"queue_remaining": 0}},
    "jobs": {"jobs": [], "pagination": {"offset": 0, "limit": 200, "total": 0, "has_more": False}},
    "workflow_templates": {},
    "global_subgraphs": {},
    "node_replacements": {},
    "i18n": {},
    "userdata": [],
    "v2/userdata": [],
}
# A quiet editor: no tutorial, no release notes, no question for a file name, no tab kept from the last time.
# One server serves one version's files: a page after the first starts in half the time.
_KEEP = {"Cache-Control": "max-age=86400"}
_SETTINGS: Mapping[str, Json] = {
    "Comfy.TutorialCompleted": True,
    "Comfy.PromptFilename": False,
    "Comfy.Notification.ShowVersionUpdates": False,
    "Comfy.Workflow.Persist": False,
}


class StandInServer:
    """Serves an editor on loopback. `requests_without_answer` names what it asked for and did not get."""

    def __init__(
        self,
        static: Path,
        catalog: Catalog,
        models: Iterable[tuple[str, str]] = (),
        images: Mapping[str, bytes] | None = None,
    ) -> None:
        self.requests_without_answer: list[str] = []
        self._static = static
        self._images = images or {}
        self._files: defaultdict[str, list[str]] = defaultdict(list)
        for directory, file in models:
            self._files[directory].append(file)
        inputs = {INPUT_FOLDER: [*self._images]}
        self._answers: dict[str, Json] = {
            **_IDLE,
            "settings": dict(_SETTINGS),
            "system_stats": {
                "system": {
                    "os": "linux",
                    "comfyui_version": catalog.comfyui,
                    "python_version": "3.11",
                    "argv": ["stand-in"],
                },
                "devices": [],
            },
            "object_info": object_info(catalog, lambda folder: {**self._files, **inputs}.get(folder, ())),
            "models": [*sorted(self._files)],
            "experiment/models": [{"name": folder, "folders": [folder]} for folder in sorted(self._files)],
        }
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listens on a free port of loopback; returns the editor's address."""
        app = web.Application()
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/api/{path:.*}", self._api)
        app.router.add_post("/api/{path:.*}", self._accept)
        app.router.add_get("/internal/folder_paths", self._folders)
        app.router.add_get("/{path:.*}", self._file)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _api(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        if path in self._answers:
            return web.json_response(self._answers[path])
        if path == "view" and request.query.get("filename") in self._images:
            return web.Response(body=self._images[request.query["filename"]], content_type="image/png")
        if path.startswith("experiment/models/"):
            folder = path.rpartition("/")[2]
            return web.json_response([{"name": name, "pathIndex": 0} for name in self._files.get(folder, ())])
        if path.startswith("models/"):
            return web.json_response(self._files.get(path.rpartition("/")[2], []))
        if not path.startswith(("userdata/", "view_metadata/")):
            self.requests_without_answer.append(path)
        return web.Response(status=404)

    async def _folders(self, _request: web.Request) -> web.Response:
        return web.json_response({folder: [folder] for folder in self._files})

    async def _accept(self, request: web.Request) -> web.Response:
        """Settings, user files and images are taken and forgotten; a prompt is not."""
        path = request.match_info["path"]
        if path == "upload/image":
            # The 3D viewer uploads its image while the prompt is made, and writes the answer into it.
            form = await request.post()
            image = form.get("image")
            name = image.filename if isinstance(image, web.FileField) else ""
            return web.json_response(
                {"name": name, "subfolder": form.get("subfolder", ""), "type": form.get("type", "")}
            )
        if path.startswith(("settings", "userdata/")):
            return web.json_response({"path": path, "size": 0, "modified": 0})
        self.requests_without_answer.append(path)
        return web.Response(status=404)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        path = self._static / (request.match_info["path"] or "index.html")
        if path.is_file() and path.resolve().is_relative_to(self._static.resolve()):
            return web.FileResponse(path, headers=_KEEP)
        # A real server answers these with 404 too: they are there for the user to fill.
        if path.name not in {"user.css", "favicon.ico"} and not path.match("templates/*"):
            self.requests_without_answer.append(request.path)
        return web.Response(status=404)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        status: Json = {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "stand-in"}
        await socket.send_str(json.dumps({"type": "status", "data": status}))
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
        return socket
