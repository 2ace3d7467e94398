"""HTTP for `packetserver serve`: a worker of gunicorn that waits for no client.

One thread of a process hears all connections, by events. It takes requests to their end before
anybody works on them, and sends what clients are slow to read. A few other threads work on whole
requests, and never wait for a client. The syntax of HTTP is gunicorn's.
"""
