"""Models by hub id, by path, or from the copy in an installed wheel."""
