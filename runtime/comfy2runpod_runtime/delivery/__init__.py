"""How the files of a job reach its caller: inside the answer, or as URLs into S3-compatible storage."""
