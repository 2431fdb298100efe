# SPDX-License-Identifier: Apache-2.0
"""The program under test as a server, and plain HTTP to it. Python's standard library only."""
import http.client
import json
import re
import subprocess
import sys


class Served:
    """`kurve serve` on a free port of 127.0.0.1, or another loopback address; ended and reaped at the end."""

    def __init__(self, program, *arguments, cwd=None, env=None, preexec_fn=None):
        self.process = subprocess.Popen([program, "serve", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, cwd=cwd, env=env, preexec_fn=preexec_fn)
        self.line = line = self.process.stdout.readline()
        found = re.search(r"http://(127\.[0-9.]+):(\d+)/", line)
        if not found:
            err = self.process.stderr.read()
            if "this build has no page" in err:
                print("skipped: this build has no page")
                sys.exit(77)
            raise AssertionError(f"no address: {line!r} {err!r}")
        self.host, self.port = found.group(1), int(found.group(2))
        self.url = f"http://{self.host}:{self.port}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        code = self.process.wait(timeout=20)
        assert code == 0, f"the server ended with {code}: {self.process.stderr.read()}"

    def children(self):
        """The processes that make the answers."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def memory_kib(self, what="VmRSS", everyone=True):
        total = 0
        for pid in [self.process.pid] + (self.children() if everyone else []):
            with open(f"/proc/{pid}/status") as status:
                total += int(re.search(what + r":\s+(\d+)", status.read()).group(1))
        return total

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=30)

    def request(self, method, path, body=None, headers=None, connection=None):
        """(status, body) of one request; a new connection unless one is given."""
        c = connection or self.connect()
        c.request(method, path, body=body, headers=headers or {})
        answer = c.getresponse()
        text = answer.read()
        if connection is None:
            c.close()
        return answer.status, text

    def ask(self, question, path="/api/answer", connection=None, headers=None):
        status, text = self.request("POST", path, json.dumps(question), headers, connection)
        return status, json.loads(text)


def check(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in words))
