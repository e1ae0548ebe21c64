"""Sends many inputs to an endpoint, and writes their results; resumable."""
