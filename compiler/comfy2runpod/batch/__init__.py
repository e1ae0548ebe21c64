"""What is done with an endpoint that is there: so far, many calls through its queue (`batch`)."""
