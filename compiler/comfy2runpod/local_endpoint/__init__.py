"""An endpoint on loopback: RunPod's operations in front of a package's own worker, for trying and for tests."""

from comfy2runpod.local_endpoint.packages import Package, package_pages, read_package
from comfy2runpod.local_endpoint.server import API_KEY, LocalEndpoint, LocalServer, running_endpoint

__all__ = ["API_KEY", "LocalEndpoint", "LocalServer", "Package", "package_pages", "read_package", "running_endpoint"]
