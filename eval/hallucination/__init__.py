"""Objects that a model speaks of and that are not there: POPE's questions, CHAIR's captions."""
