# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP server of files in memory that fails as it is told to."""
import http.server
import threading


class FaultyServer:
    """Serves `files` (name -> bytes). `cut` (name -> list of byte counts): transfers that end so early, one entry each;
    `stall` the same, but the connection stays open and silent. `ranges` False: the whole file whatever is asked for."""

    def __init__(self, files):
        self.files, self.cut, self.stall, self.ranges = dict(files), {}, {}, True
        self.requests = []  # (name, first byte asked for)
        self.end = threading.Event()
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                name = self.path.lstrip("/")
                body = world.files.get(name)
                asked = self.headers.get("Range")
                start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
                world.requests.append((name, start))
                if body is None:
                    self.send_error(404)
                    return
                if asked and world.ranges:
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                    body = body[start:]
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                cut = world.cut.get(name)
                stall = world.stall.get(name)
                if cut:
                    self.wfile.write(body[:cut.pop(0)])
                    self.close_connection = True
                elif stall:
                    self.wfile.write(body[:stall.pop(0)])
                    self.wfile.flush()
                    world.end.wait(60)
                    self.close_connection = True
                else:
                    self.wfile.write(body)

            def handle(self):
                try:
                    super().handle()
                except (BrokenPipeError, ConnectionResetError):
                    pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.http.shutdown()
        self.http.server_close()
