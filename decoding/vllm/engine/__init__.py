"""What runs in the engine core process: the scheduler and the requests of pairs."""
