"""A local endpoint: RunPod's API on loopback, with a package's own worker, for development and tests."""

from comfy2runpod.local_endpoint.packages import Package, read_package
from comfy2runpod.local_endpoint.pages import pages_of
from comfy2runpod.local_endpoint.server import API_KEY, LocalEndpoint, LocalServer, running_endpoint

__all__ = ["API_KEY", "LocalEndpoint", "LocalServer", "Package", "pages_of", "read_package", "running_endpoint"]
