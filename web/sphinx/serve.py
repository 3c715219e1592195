"""Serve the built site on this machine alone, on port 8000 or the next one that is free."""

import functools
import http.server
import sys

from folders import SITE

FIRST_PORT = 8000


def main() -> None:
    """Serve until interrupted."""
    if not (SITE / "index.html").is_file():
        sys.exit("serve: there is no site yet; build it with: make book")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(SITE))
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        try:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            print(f"Port {port} is taken; trying the next one")
            continue
        print(f"The book is at http://127.0.0.1:{port} (end with Ctrl-C)", flush=True)
        with server:
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                return
    sys.exit(f"serve: ports {FIRST_PORT} to {FIRST_PORT + 99} are all taken")


if __name__ == "__main__":
    main()
