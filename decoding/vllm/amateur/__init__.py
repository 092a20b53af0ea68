"""An amateur model beside the expert in one engine."""
