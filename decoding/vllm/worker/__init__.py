"""The worker process: rows of a pair combined, one token for both."""
