"""The application for any WSGI server: `gunicorn wsgi:application`."""

from packetserver.app import create_app

application = create_app()
