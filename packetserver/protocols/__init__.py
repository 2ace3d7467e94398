"""What clients speak: a folder for each protocol, and `front`, the edge that they share."""
