#!/usr/bin/env python3
"""A registry that images are pushed to: taker.py PORTFILE LOG [ELSEWHERE]. Keeps all in memory. The first part of a name says what is
odd about it (see the methods). Every request becomes a line of LOG: METHOD PATH STATUS body=BYTES range=CONTENT-RANGE at=SECONDS.
ELSEWHERE is the address of another such server, to which uploads are sent. Ends with its standard input."""
import hashlib
import http.server
import json
import os
import re
import sys
import threading
import time
import urllib.parse

port_file, log_file = sys.argv[1:3]
elsewhere = sys.argv[3] if len(sys.argv) > 3 else ""
lock = threading.Lock()
blobs, manifests, uploads, counts = {}, {}, {}, {}
LEAST = 33 << 20
INDEX = "application/vnd.oci.image.index.v1+json"


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self, status, size):
        with lock, open(log_file, "a") as file:
            file.write("%s %s %s body=%d range=%s auth=%s at=%.3f\n" % (
                self.command, self.path, status, size, self.headers.get("Content-Range", "-"),
                self.headers.get("Authorization", "-"), time.monotonic()))

    def reply(self, status, body=b"", kind="application/json", **headers):
        self.note(status, self.length)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def body(self, part=1.0):
        want = int(self.length * part)
        return self.rfile.read(want) if want else b""

    def refuse(self, status, code, message, **headers):
        return self.reply(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), **headers)

    def do_any(self):
        self.length = int(self.headers.get("Content-Length", 0))
        url = urllib.parse.urlparse(self.path)
        self.query = urllib.parse.parse_qs(url.query)
        if url.path in ("/v2/", "/v2"):
            return self.reply(200, b"{}")
        found = re.fullmatch(r"/v2/([^/]+)/(.+?)/(manifests|blobs|blobs/uploads|referrers)/([^/]*)", url.path)
        if not found:
            return self.refuse(404, "NAME_UNKNOWN", "no such")
        self.way, name, what, self.reference = found.groups()
        self.name = self.way + "/" + name
        if self.way == "moved" and what != "blobs/uploads" and "Authorization" not in self.headers:
            self.body()
            return self.refuse(401, "UNAUTHORIZED", "who are you?", WWW_Authenticate="Basic realm=taker")
        if self.way == "busy" and self.command in ("PUT", "POST") and count("busy " + self.command + what) == 1:
            self.body()
            return self.refuse(429, "TOOMANYREQUESTS", "slow down", Retry_After="1")
        if self.way == "hours" and self.command == "POST":
            return self.refuse(429, "TOOMANYREQUESTS", "slow down", Retry_After="3600")
        return {"manifests": self.manifest, "blobs": self.blob, "blobs/uploads": self.upload,
                "referrers": self.referrers}[what]()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_any

    # --- what is there ---

    def manifest(self):
        key = (self.name, self.reference)
        if self.command != "PUT":
            if key not in manifests:
                return self.refuse(404, "MANIFEST_UNKNOWN", "no such manifest")
            text, kind = manifests[key]
            return self.reply(200, text, kind, Docker_Content_Digest="sha256:" + hashlib.sha256(text).hexdigest())
        text, kind = self.body(), self.headers["Content-Type"]
        digest = "sha256:" + hashlib.sha256(text).hexdigest()
        data = json.loads(text)
        if self.way == "once" and count("once") == 1:
            return self.refuse(500, "UNKNOWN", "a disk stumbled")
        if self.way == "wrong":
            return self.reply(201, Docker_Content_Digest="sha256:" + "0" * 64)
        parts = data.get("layers", []) + [data["config"]] if "layers" in data else []
        # What went elsewhere is not looked for.
        parts = [] if self.way == "moved" else parts
        missing = [part["digest"] for part in parts if (self.name, part["digest"]) not in blobs]
        missing += [part["digest"] for part in data.get("manifests", []) if (self.name, part["digest"]) not in manifests]
        # What a list of referrers names need not be there.
        if missing and not self.reference.startswith("sha256-"):
            return self.refuse(404, "MANIFEST_BLOB_UNKNOWN", "a part is not here: " + missing[0])
        with lock:
            manifests[self.name, self.reference] = manifests[self.name, digest] = text, kind
        headers = {"OCI_Subject": data["subject"]["digest"]} if self.way == "lists" and "subject" in data else {}
        return self.reply(201, Docker_Content_Digest=digest, **headers)

    def blob(self):
        data = blobs.get((self.name, self.reference))
        return self.refuse(404, "BLOB_UNKNOWN", "no such blob") if data is None else self.reply(200, data, "application/octet-stream")

    def referrers(self):
        if self.way != "lists":
            return self.refuse(404, "UNSUPPORTED", "referrers are not listed here")
        found = [json.loads(text) for (name, reference), (text, _) in manifests.items()
                 if name == self.name and reference.startswith("sha256:")]
        entries = [one for one in found if one.get("subject", {}).get("digest") == self.reference]
        return self.reply(200, json.dumps({"schemaVersion": 2, "manifests": entries}).encode(), INDEX)

    # --- uploads ---

    def upload(self):
        if self.command == "POST":
            return self.begin()
        if self.reference.startswith("there"):
            uploads.setdefault(self.reference, bytearray())
        if self.reference not in uploads:
            self.body()
            return self.refuse(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        if self.command == "GET":
            return self.progress(204)
        return self.complete() if self.command == "PUT" else self.piece()

    def location(self):
        # Relative, with a state of its own, as the specification allows.
        return "/v2/%s/blobs/uploads/%s?state=%d" % (self.name, self.reference, len(uploads[self.reference]))

    def progress(self, status):
        return self.reply(status, Location=self.location(), Range="0-%d" % max(len(uploads[self.reference]) - 1, 0))

    def begin(self):
        mount, source = self.query.get("mount", [""])[0], self.query.get("from", [""])[0]
        if self.way == "readonly":
            return self.refuse(405, "UNSUPPORTED", "nothing is taken here")
        if self.way == "nowhere":
            return self.reply(202)
        if self.way == "mayno" and mount:
            return self.refuse(403, "DENIED", "not from there")
        if mount and (source, mount) in blobs and self.way != "nomount":
            blobs[self.name, mount] = blobs[source, mount]
            return self.reply(201)
        with lock:
            counts["ids"] = counts.get("ids", 0) + 1
            self.reference = "u%d" % counts["ids"]
            uploads[self.reference] = bytearray()
        if self.way == "moved":
            return self.reply(202, Location=elsewhere + "/v2/%s/blobs/uploads/there-%s" % (self.name, self.reference))
        headers = {"OCI_Chunk_Min_Length": str(LEAST)} if self.way == "chunks" else {}
        return self.reply(202, Location=self.location(), **headers)

    def piece(self):
        data, so_far = self.body(), uploads[self.reference]
        start = int(self.headers["Content-Range"].split("-")[0])
        if start != len(so_far):
            return self.reply(416, Range="0-%d" % max(len(so_far) - 1, 0))
        # All but the last must be of that size.
        if self.way == "chunks" and counts.get("small " + self.reference, 0):
            return self.refuse(400, "SIZE_INVALID", "a chunk was too small")
        if self.way == "chunks" and len(data) < LEAST:
            counts["small " + self.reference] = 1
        so_far += data
        return self.progress(202)

    def complete(self):
        digest = self.query["digest"][0]
        if self.way == "kept" and not self.path.startswith("/v2/kept/late/"):
            self.body()
            return self.reply(307, Location=self.path.replace("/v2/kept/", "/v2/kept/late/", 1))
        if self.way == "chunks" and self.length and not uploads[self.reference]:
            self.body()
            return self.refuse(413, "SIZE_INVALID", "not in one piece")
        if self.way == "chunks" and counts.get("small " + self.reference, 0) and self.length:
            self.body()
            return self.refuse(400, "SIZE_INVALID", "a chunk was too small")
        if self.way == "cut" and self.length > 65536 and count("cut") <= 2:
            uploads[self.reference] += self.body(0.5)
            self.note("cut", self.length)
            self.close_connection = True
            return False
        uploads[self.reference] += self.body()
        data = bytes(uploads[self.reference])
        if self.way == "forgets" and len(data) > 65536 and count("forgets") == 1:
            del uploads[self.reference]
            return self.refuse(500, "UNKNOWN", "it is gone")
        if digest != "sha256:" + hashlib.sha256(data).hexdigest():
            return self.refuse(400, "DIGEST_INVALID", "not these bytes")
        with lock:
            # A server without names of its own keeps for another.
            name = self.name.replace("kept/late/", "kept/", 1)
            blobs[name, digest] = data
        return self.reply(201, Docker_Content_Digest=digest)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(port_file + ".new", "w") as file:
    file.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
sys.stdin.read()
