#!/usr/bin/env python3
"""A registry that lies: liar.py LAYOUT PORTFILE LOG [ELSEWHERE]. Serves the one image of an OCI layout under every name; the first
part of the name says how (see the table of lies). Every request becomes a line of LOG. ELSEWHERE is the address of another server
to redirect to. Ends with its standard input."""
import base64
import hashlib
import http.server
import json
import os
import re
import sys
import threading
import time
import urllib.parse

layout, port_file, log_file = sys.argv[1:4]
elsewhere = sys.argv[4] if len(sys.argv) > 4 else ""
lock = threading.Lock()
counts = {}
tokens = {}
USER, PASSWORD, IDENTITY = "user", "pa:ss", "identity-token"


def read(path):
    with open(os.path.join(layout, path), "rb") as file:
        return file.read()


entry = json.loads(read("index.json"))["manifests"][0]
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


def manifest_of(lie):
    """The manifest that the lie is about, and its media type."""
    body, kind = read("blobs/sha256/" + entry["digest"][7:]), entry["mediaType"]
    data = json.loads(body)
    if lie == "both":
        data["manifests"] = []
    elif lie == "itself":
        data["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
    elif lie == "form":
        data = {"schemaVersion": 2, "manifests": []}
    elif lie == "layers":
        data["layers"] = data["layers"] * 1001
    elif lie == "sha1":
        data["layers"][0]["digest"] = "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"
    elif lie == "urls":
        data["layers"][0]["urls"] = [elsewhere + "/stolen"]
    elif lie == "bigconfig":
        data["config"]["size"] = 9 << 20
    elif lie == "deep":
        return b'{"a":' * 100000, kind
    elif lie in ("index", "indexsize", "indextype"):
        platform = {"os": "linux", "architecture": "amd64"}
        one = {"mediaType": kind, "digest": entry["digest"], "size": len(body), "platform": platform}
        if lie == "indexsize":
            one["size"] += 1
        if lie == "indextype":
            one["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
        other = dict(one, digest="sha256:" + "0" * 64, platform={"os": "linux", "architecture": "s390x"})
        return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [other, one]}).encode(), INDEX
    else:
        return body, kind
    return json.dumps(data).encode(), kind


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self):
        with lock, open(log_file, "a") as file:
            file.write("%s %s auth=%s range=%s\n" % (self.command, self.path, self.headers.get("Authorization", "-"),
                                                     self.headers.get("Range", "-")))

    def reply(self, status, body=b"", kind="application/octet-stream", headers=(), length=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self, kind):
        """A body without end."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * 65536)
        except OSError:
            self.close_connection = True

    def challenge(self, scope, error=""):
        here = "http://" + self.headers["Host"]
        self.reply(401, b"{}", headers=[("WWW-Authenticate", 'Bearer realm="%s/token",service="liar",scope="%s"%s' %
                                         (here, scope, error))])

    # --- who asks ---

    def token(self, form=None):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        basic = "Basic " + base64.b64encode((USER + ":" + PASSWORD).encode()).decode()
        if form is not None:
            if form.get("refresh_token") != [IDENTITY] or form.get("grant_type") != ["refresh_token"]:
                return self.reply(401, b"no such token")
            scope = form.get("scope", [""])[0]
        else:
            scope = " ".join(query.get("scope", []))
            if "tokenhtml" in scope:
                return self.reply(200, b"<html>log in</html>", "text/html")
            if self.headers.get("Authorization") != basic and "anonymous" not in scope:
                return self.reply(401, b'{"details":"who are you?"}')
        name = "token%d" % count("token")
        with lock:
            tokens[name] = scope
        return self.reply(200, json.dumps({"token": name, "expires_in": 300}).encode(), "application/json")

    def may(self, lie, name):
        """False: a challenge was sent."""
        if lie not in ("token", "anonymous", "expired", "tokenhtml"):
            return True
        scope = "repository:%s:pull" % name
        header = self.headers.get("Authorization", "")
        given = tokens.get(header[7:]) if header.startswith("Bearer ") else None
        # The first token stops being good after its first use.
        if lie == "expired" and given and header[7:] == getattr(Handler, "spent", None):
            self.challenge(scope, ',error="invalid_token"')
            return False
        if given and scope in given:
            Handler.spent = header[7:] if not hasattr(Handler, "spent") else Handler.spent
            return True
        self.challenge(scope)
        return False

    # --- what is asked ---

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.note()
        if self.path.startswith("/token"):
            return self.token(urllib.parse.parse_qs(body.decode()))
        return self.reply(405)

    def do_GET(self):
        self.note()
        if self.path.startswith("/token"):
            return self.token()
        if self.path in ("/v2/", "/v2"):
            return self.reply(200, b"{}")
        if self.path == "/stolen":
            return self.reply(200, b"stolen")
        found = re.fullmatch(r"/v2/([^/]+)(/.*)?/(manifests|blobs)/([^/]+)", self.path)
        if not found:
            return self.reply(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no\x1b[31m such"}]}')
        lie, rest, what, reference = found.groups()
        if not self.may(lie, lie + (rest or "")):
            return None
        return self.manifest(lie, reference) if what == "manifests" else self.blob(lie, reference)

    do_HEAD = do_GET

    def manifest(self, lie, reference):
        if lie == "html":
            return self.reply(200, b"<html>log in</html>", "text/html")
        if lie == "schema1":
            return self.reply(200, b"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws")
        if lie == "endless":
            return self.stream(OCI)
        if lie == "silent":
            time.sleep(8)
            self.close_connection = True
            return None
        if lie == "notjson":
            return self.reply(200, b"<html>", OCI)
        if lie == "loop":
            return self.reply(302, headers=[("Location", self.path)])
        if lie == "file":
            return self.reply(302, headers=[("Location", "file:///etc/passwd")])
        if lie == "broken":
            return self.reply(500, b"oh")
        if lie == "unknown":
            return self.reply(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no\\u001b[31m such"}]}')
        if lie == "denied":
            return self.reply(403, b'{"errors":[{"code":"DENIED","message":"not you"}]}')
        if lie == "busy" and count("busy") <= 2:
            return self.reply(429, headers=[("Retry-After", "0")])
        body, kind = manifest_of(lie)
        if reference.startswith("sha256:") and lie in ("index", "indexsize", "indextype"):
            body, kind = manifest_of("ok")
        if lie == "flipmanifest":
            body = body.replace(b"2", b"3", 1)
        digest = "sha256:" + ("0" * 64 if lie == "header" else hashlib.sha256(body).hexdigest())
        return self.reply(200, body, kind, [("Docker-Content-Digest", digest)])

    def blob(self, lie, digest):
        try:
            body = read("blobs/sha256/" + digest[7:])
        except OSError:
            return self.reply(404)
        is_layer = len(body) > 65536
        if not is_layer and lie != "away":
            return self.reply(200, body)
        if lie == "noblob":
            return self.reply(404, b'{"errors":[{"code":"BLOB_UNKNOWN"}]}')
        if lie == "away":
            return self.reply(307, headers=[("Location", elsewhere + self.path.replace("/away/", "/ok/"))])
        if lie == "flip":
            return self.reply(200, body[:-1] + bytes([body[-1] ^ 1]))
        if lie == "short":
            return self.reply(200, body[:-1])
        if lie == "long":
            return self.stream("application/octet-stream")
        if lie in ("cut", "norange", "otherrange"):
            return self.cut(lie, body)
        if lie in ("chunked", "close", "nolength", "stall", "stallonce", "noresume"):
            return self.part(lie, body)
        return self.reply(200, body)

    def part(self, lie, body):
        """A part of the body, in a form that does not tell its length, or is not kept to."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start, tries = int(asked.group(1)) if asked else 0, count(lie)
        if asked and lie == "noresume":
            return self.reply(416)
        rest = body[start:]
        is_whole = lie != "noresume" and (lie == "nolength" or (lie != "stall" and tries > 2))
        size = len(rest) if is_whole else len(rest) // 2
        self.close_connection = True
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(body) - 1, len(body)))
        if lie == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif lie in ("stall", "stallonce", "noresume"):
            self.send_header("Content-Length", str(len(rest)))
        self.send_header("Connection", "close")
        self.end_headers()
        if lie == "chunked":
            self.wfile.write(b"%x\r\n" % size + rest[:size] + b"\r\n" + (b"0\r\n\r\n" if is_whole else b""))
        else:
            self.wfile.write(rest[:size])
        self.wfile.flush()
        if lie.startswith("stall") and not is_whole:
            time.sleep(8)
        return None

    def cut(self, lie, body):
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        headers, status = [], 200
        tries = count("cut" + lie)
        if asked and lie != "norange":
            start = int(asked.group(1))
            wrong = 1 if lie == "otherrange" and tries == 2 else 0
            headers = [("Content-Range", "bytes %d-%d/%d" % (start - wrong, len(body) - 1, len(body)))]
            status = 206
        if tries > 3:
            return self.reply(status, body[start:], headers=headers)
        self.reply(status, body[start:start + len(body) // 4], headers=headers, length=len(body) - start)
        self.close_connection = True
        return None


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(port_file + ".new", "w") as file:
    file.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
sys.stdin.read()
