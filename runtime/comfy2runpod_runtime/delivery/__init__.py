"""Delivers the results of a job: inline in the answer, or as URLs of S3-compatible storage."""
