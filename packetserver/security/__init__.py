"""Who sends a packet, and how that is proved."""
