"""Locating methods: one file a method."""
