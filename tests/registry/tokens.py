#!/usr/bin/env python3
"""A token server for docker-registry, over https: tokens.py PORTFILE LOG CERTIFICATE KEY. Tokens are signed with the same key. user:password
may all, reader:password may pull, who says nothing may pull what begins with "public/"; the refresh token "identity-token" is the user's.
Every request becomes a line of LOG, with METHOD, account or grant, and scopes. Ends with its standard input."""
import base64
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

port_file, log_file, certificate, key = sys.argv[1:]
lock = threading.Lock()
RIGHTS = {"user": "pull push", "reader": "pull"}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def sign(claims):
    with open(certificate) as file:
        chain = "".join(line for line in file.read().splitlines() if not line.startswith("-----"))
    head = encode(json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [chain]}).encode())
    text = head + b"." + encode(json.dumps(claims).encode())
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text, capture_output=True, check=True)
    return (text + b"." + encode(done.stdout)).decode()


def granted(account, scopes):
    access = []
    for scope in scopes:
        found = re.fullmatch(r"repository:([^:]+):([a-z,]+)", scope)
        if found:
            rights = RIGHTS.get(account, "pull" if found.group(1).startswith("public/") else "").split()
            actions = [action for action in found.group(2).split(",") if action in rights]
            access.append({"type": "repository", "name": found.group(1), "actions": actions})
    return access


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, answer, note):
        with lock, open(log_file, "a") as file:
            file.write("%s %s %s\n" % (self.command, status, note))
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give(self, account, service, scopes, member, note):
        now = int(time.time())
        token = sign({"iss": "tests", "sub": account, "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1",
                      "access": granted(account, scopes)})
        self.reply(200, {member: token, "expires_in": 300}, note)

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        scopes, account = query.get("scope", []), ""
        header = self.headers.get("Authorization", "")
        if header:
            account, _, password = base64.b64decode(header[6:]).decode().partition(":")
            if account not in RIGHTS or password != "password":
                return self.reply(401, {"details": "incorrect username or password"}, account)
        return self.give(account, query["service"][0], scopes, "token", "account=%s %s" % (account, " ".join(scopes)))

    def body(self):
        """Of either form: skopeo sends chunks."""
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def do_POST(self):
        form = urllib.parse.parse_qs(self.body().decode())
        scopes = form.get("scope", [""])[0].split()
        if form.get("grant_type") != ["refresh_token"] or form.get("refresh_token") != ["identity-token"]:
            return self.reply(401, {"details": "no such token"}, "refused")
        return self.give("user", form["service"][0], scopes, "access_token", "grant=refresh_token " + " ".join(scopes))


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(port_file + ".new", "w") as file:
    file.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
sys.stdin.read()
