"""One job: its states, its prompt, its runs, and what its caller is told meanwhile."""
