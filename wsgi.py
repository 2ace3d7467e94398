"""The application for any WSGI server: `gunicorn wsgi:application`."""

import os

from packetserver.app import create_app
from packetserver.operation.logs import configure_logging
from packetserver.settings import load_settings

settings = load_settings(os.environ)
configure_logging(settings)
application = create_app(settings)
