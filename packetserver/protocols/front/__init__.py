"""The edge that all protocols share, which knows none of them and writes none of their words."""
