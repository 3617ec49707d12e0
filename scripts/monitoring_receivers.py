"""Those whom a collector tells something, and who do not want it: a server for mail, and one for webhooks."""

import http.server
import socketserver
import threading


class Mail:
    """A server that takes mail (SMTP), and answers every recipient as it is told to."""

    def __init__(self):
        self.to_recipients = "250 taken"
        outer = self

        class Line(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(f"{text}\r\n".encode())

            def handle(self):
                self.say("220 here")
                while line := self.rfile.readline():
                    word = line.split(b":")[0].strip().upper().split(b" ")[0]
                    if word == b"QUIT":
                        self.say("221 gone")
                        return
                    if word == b"RCPT":
                        self.say(outer.to_recipients)
                    elif word == b"DATA":
                        self.say("354 go on")
                        while self.rfile.readline() not in (b".\r\n", b""):
                            pass
                        self.say("250 taken")
                    else:
                        self.say("250 well")

        self.port = serve(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line))


class Webhook:
    """A server that takes no message."""

    def __init__(self):
        class Refusing(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(500)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.port = serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing))


def serve(server):
    """Serves until the process ends; gives the port."""
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
