"""One job: states, prompt, retries, progress and results."""
