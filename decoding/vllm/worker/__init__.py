"""What runs in the worker processes: rows of pairs combined, and one token for both."""
