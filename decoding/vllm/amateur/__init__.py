"""An engine with two models: an amateur beside the expert."""
