"""The API server process: the door of the served methods."""
