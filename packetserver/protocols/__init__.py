"""What clients speak: a folder for each protocol, all on the same engine."""
