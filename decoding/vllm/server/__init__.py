"""What runs in the API server process: keys checked, contrasts rendered, the engine tested."""
