"""The outputs of a job: measured, encoded, and assembled into the answer."""
