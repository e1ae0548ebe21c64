"""Model files: found on the hub, downloaded, put in place."""
