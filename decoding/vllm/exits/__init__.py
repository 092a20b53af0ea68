"""An engine with early exits: what the model would say after some of its layers, at no further forward."""
