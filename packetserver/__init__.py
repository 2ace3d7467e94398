"""A server for the XML packet protocol of Centric CRM."""

__version__ = "0.1.0"
