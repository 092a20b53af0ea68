"""The engine core process: pairs of requests in one scheduler."""
