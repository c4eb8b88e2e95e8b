#!/usr/bin/env python3
"""A server for tests of fetching: http-server.py FOLDER PORTFILE LOG [PEMFILE].

Serves FOLDER, and under /odd/ what real servers do to their clients. Writes its port to
PORTFILE, and a line "METHOD PATH" per request to LOG. Ends with its standard input. With a key and certificate in
PEMFILE it speaks https."""
import base64, http.server, functools, os, ssl, sys, threading

folder, port_file, log = sys.argv[1:4]
asked = {}


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def log_request(self, *args):
        with open(log, "a") as out:
            out.write(f"{self.command} {self.path}\n")

    def answer(self, code, body=b"", promised=None, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        words = self.path.split("?")[0].split("/")
        if words[1] != "odd":
            return super().do_GET()
        count = asked[self.path] = asked.get(self.path, 0) + 1
        match words[2:]:
            case ["redirect", "0"]:
                self.answer(200, b"reached\n", Last_Modified="Thu, 02 Jan 2020 03:04:05 GMT")
            case ["redirect", number]:
                self.answer(302, b"not the file", Location=f"/odd/redirect/{int(number) - 1}")
            case ["loop"]:
                self.answer(302, Location="/odd/loop")
            case ["to", scheme, *rest]:
                self.answer(302, Location=f"{scheme}://127.0.0.1:{'/'.join(rest)}")
            case ["to-file"]:
                self.answer(302, Location="file:///etc/passwd")
            case ["busy", number]:
                self.answer(503 if count <= int(number) else 200, b"at last\n")
            case ["cut", number]:
                self.answer(200, b"whole\n", None if count > int(number) else 1000)
            case ["name", _]:
                self.answer(200, b"named\n")
            case ["huge"]:
                self.answer(200, b"begin\n", 17 << 30)
            case ["private"]:
                right = "Basic " + base64.b64encode(b"user:secret").decode()
                self.answer(200 if self.headers.get("Authorization") == right else 401, b"private\n")
            case _:
                self.answer(404, b"nothing here\n")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(port_file + ".new", "w") as out:
    out.write(f"{server.server_port}\n")
os.rename(port_file + ".new", port_file)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
