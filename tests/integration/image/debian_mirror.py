# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian mirror on loopback that writes down what it is asked for: it gives what the archive that apt is configured with has. It is an
HTTP proxy too, for whoever is told so by http_proxy."""
import http.server
import threading
import urllib.error
import urllib.request


class DebianMirror:
    """`archive`: URL of the real one, without the slash at the end."""

    def __init__(self, archive):
        self.archive = archive
        self.asked = []  # paths below /debian, of the mirror
        self.proxied = []  # URLs, of the proxy
        self._kept = {}  # package lists, which every client fetches
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer._answer(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{self.address}/debian"
        self._thread = threading.Thread(target=self._server.serve_forever, name="debian mirror")
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request):
        path = request.path
        if path.startswith("http://"):
            self.proxied.append(path)
            url = path
        elif path.startswith("/debian/"):
            self.asked.append(path.removeprefix("/debian"))
            url = self.archive + path.removeprefix("/debian")
        else:
            return request.send_error(404)
        try:
            status, body = 200, self._kept.get(url)
            if body is None:
                # What apt's own settings or the environment name as this machine's proxy, urllib takes from the environment as well.
                with urllib.request.urlopen(url, timeout=120) as answer:
                    body = answer.read()
                if "/dists/" in url:
                    self._kept[url] = body
        except urllib.error.HTTPError as e:
            status, body = e.code, b""
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        return None
