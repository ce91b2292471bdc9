"""Files that a run leaves as they are here, for other programs to import."""
