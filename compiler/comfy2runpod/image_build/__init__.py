"""Builds a package's image with the container engine that is here; docs/image.md."""

from __future__ import annotations
