# SPDX-License-Identifier: Apache-2.0
"""http_test.py KURVE SOURCE [--fuzz N] [--seed S] [--load SECONDS]

What the server answers to what is not the page: other hosts and sites, nonsense, too much, too slow. By default a few thousand
fuzzed requests; `--fuzz 100000` and `--load 60` (four clients dragging sliders) are for a longer run by hand. All of it goes
to 127.0.0.1 and ends by itself.
"""
import argparse
import http.client
import json
import os
import random
import re
import resource
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

from support import Served, check

GOOD = {"model": 0, "K": 64, "last_K": 1000000, "threshold": 0.7,
        "set": {"variability.noise.cv": 0.02, "variability.imbalance.cv": 0.05, "global_batch": 100000000},
        "plan": {"steps": "1M", "price": "2.5/gpu-hour", "deadline": "7d", "mtbf": "llama3"}}

EVERY_VARIABILITY = {
    **GOOD["set"], "variability.noise.cv": 0.05, "variability.noise.node_cv": 0.03, "variability.noise.step_cv": 0.02, "variability.noise.run_cv": 0.02,
    "variability.stragglers.probability": 1e-3, "variability.stragglers.slowdown": 1.7, "variability.stragglers.spread_cv": 0.4, "variability.persistent.probability": 1e-4,
    "variability.persistent.slowdown": 1.3, "variability.hop_jitter.cv": 0.3, "extra.per_log2": 0, "gradient_bytes": 1e9, "network.inter.bandwidth_Bps": 2.5e10,
    "network.inter.latency": 2e-6, "network.workers_per_node": 8, "overlap.fraction": 0.5, "overlap.buckets": 16}


def check_refusals(s):
    question = json.dumps(GOOD)
    here = f"127.0.0.1:{s.port}"
    for headers, status in [({"Host": "evil.example"}, 403), ({"Host": f"evil.example:{s.port}"}, 403), ({"Host": "127.0.0.1:1"}, 403),
                            ({"Host": f"localhost:{s.port}"}, 200), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                            ({"Origin": f"http://{here}"}, 200), ({"Origin": f"https://{here}"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
                            ({"Sec-Fetch-Site": "same-site"}, 403), ({"Sec-Fetch-Site": "same-origin"}, 200)]:
        got, body = s.request("POST", "/api/answer", question, headers)
        check(got == status, headers, got, body[:200])
        check(got == 200 or b"error" in body, body)
    for method, path, status in [("GET", "/", 200), ("GET", "/page.js", 200), ("GET", "/../../../../etc/passwd", 404), ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
                                 ("GET", "//etc/passwd", 404), ("GET", "/api/answer", 404), ("GET", "/page.js/..", 404), ("PUT", "/", 405),
                                 ("DELETE", "/", 405), ("OPTIONS", "/api/answer", 405), ("POST", "/", 404), ("GET", "/" + "a" * 9000, 414)]:
        got, body = s.request(method, path)
        check(got == status, method, path[:60], got, body[:200])
    status, text = s.request("GET", "/")
    for word in (b"http://", b"https://", b"<script>"):
        check(word not in text, "the page names", word)


def check_reasons(s):
    """Nonsense is a 400 that says what is wrong."""
    def with_(**changes):
        return {**GOOD, **changes}
    for question, words in [(with_(K="x"), "K="), (with_(K=0), "from 1 to"), (with_(K=1e7), "1e+06"), (with_(K=None), "K="), (with_(model=99), "model"),
                            (with_(model=-1), "model"), (with_(threshold=2), "threshold"), (with_(set={"colour": 1}), "colour"), (with_(set=[1]), "'set'"),
                            (with_(set={"serial": -1}), "serial"), (with_(set={"serial": "1e999"}), "serial"), (with_(set={"serial": {"a": 1}}), "serial"),
                            (with_(set={"network.allreduce": "pigeon"}), "pigeon"), (with_(set={"network.inter.bandwidth_Bps": 1e9}), "changes nothing"),
                            (with_(set={"gradient_bytes": 1e9}), "count communication twice"), (with_(set={"seriel": 1}), "Did you mean 'serial'?"), (with_(set={"global_batch": 0}), "global_batch"), (with_(set={"regime": "mixed"}), "regime"),
                            (with_(surprise=1), "unknown key 'surprise'"), (with_(plan={"out": "/tmp/x"}), "unknown key 'out'"), (with_(plan={"config": "/etc/passwd"}), "unknown key"),
                            (with_(plan=7), "'plan'"), (with_(plan={"steps": "a" * 65}), "64 characters"), (with_(set={str(i): 1 for i in range(65)}), "64 values"),
                            ([], "JSON object"), (7, "JSON object"), (with_(last_K=1e12), "last_K"), (with_(set={"--out": "/tmp/x"}), "--out")]:
        status, body = s.ask(question)
        check(status == 400 and words in body["error"], question, status, body)
    for text in ("", "{", "nul", "[" * 15000, '{"K":1e999}', "\x00\xff", '{"K":NaN}'):
        status, body = s.request("POST", "/api/answer", text.encode("latin-1"))
        check(status == 400 and b"error" in body, text[:40], status, body[:200])
    # What is half typed in the plan takes only the plan away.
    status, body = s.ask(with_(plan={"steps": "1M", "deadline": "7"}))
    check(status == 200 and body["plan"] is None and "a unit is missing" in body["plan_error"], status, body.get("plan_error"))
    status, body = s.request("POST", "/api/answer", b"x" * 20000)
    check(status == 413, status, body[:100])
    for path in ("/api/curve.csv", "/api/model.json", "/api/plot.svg"):
        status, body = s.ask({"K": "x"}, path)
        check(status == 400, path, status)


def raw(s, *pieces, pause=0.0, read=True):
    """Bytes on a bare socket, in pieces; what comes back."""
    with socket.create_connection(("127.0.0.1", s.port), timeout=30) as c:
        try:
            for piece in pieces:
                c.sendall(piece)
                time.sleep(pause)
            return c.recv(65536) if read else b""
        except (ConnectionResetError, BrokenPipeError):
            return b""


def check_rough_clients(s):
    """Slow, broken, endless: each ends, and a good client beside them is answered."""
    host = f"Host: 127.0.0.1:{s.port}\r\n".encode()
    chunked = b"POST /api/answer HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n"
    check(b" 400 " in raw(s, chunked + b"ffffffff\r\n" + b"x" * 5000)[:40], "chunked")
    check(b" 400 " in raw(s, b"POST /api/answer HTTP/1.1\r\n" + host + b"Content-Length: -5\r\n\r\n")[:40], "negative length")
    check(b" 413 " in raw(s, b"POST /api/answer HTTP/1.1\r\n" + host + b"Content-Length: 99999999\r\n\r\n")[:40], "long")
    raw(s, b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(100000)))  # endless headers: cut off
    raw(s, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50)  # TLS to a plain port
    raw(s, b"\r\n" * 1000, read=False)
    raw(s, b"POST /api/answer HTTP/1.1\r\n" + host + b"Content-Length: 1000\r\n\r\n{", read=False)  # leaves in the middle

    start = time.monotonic()
    slow = [socket.create_connection(("127.0.0.1", s.port), timeout=60) for _ in range(40)]
    for c in slow:
        c.sendall(b"GET / HTTP/1.1\r\nHost: 127.0")
    status, _ = s.ask(GOOD)
    check(status == 200 and time.monotonic() - start < 5, "a good client waited behind slow ones")
    ended = 0
    while time.monotonic() - start < 9:  # drip: each single read is quick enough, the request is not
        for c in slow[:5]:
            try:
                c.sendall(b"x")
            except OSError:
                pass
        time.sleep(0.5)
    time.sleep(3)
    for c in slow:
        c.settimeout(1)
        try:
            while c.recv(4096):
                pass
            ended += 1
        except socket.timeout:
            pass
        except OSError:
            ended += 1
        c.close()
    check(ended == 40, "slow clients held on:", 40 - ended)


def check_bounds(s):
    """No ranges, no second request behind a refused one, no port shared."""
    status, whole = s.request("GET", "/page.js")
    status, again = s.request("GET", "/page.js", headers={"Range": "bytes=" + ",".join(["0-"] * 1000)})
    check(status == 200 and again == whole, "a range is answered", status, len(again))
    here = f"Host: 127.0.0.1:{s.port}\r\n".encode()
    good = b"GET /api/models HTTP/1.1\r\n" + here + b"\r\n"
    for refused in (b"PUT / HTTP/1.1\r\n" + here + b"Content-Length: 0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                    b"POST /api/answer HTTP/1.1\r\n" + here + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    b"POST /api/answer HTTP/1.1\r\n" + here + b"Content-Length: 99999999\r\n\r\n",
                    b"POST /api/answer HTTP/1.1\r\n" + here + b"Content-Length: 2\r\n\r\n[]", b"no request\r\n\r\n",
                    b"GET / HTTP/1.1\r\n" + here + here + b"\r\n", b"GET /nowhere HTTP/1.1\r\n" + here + b"\r\n"):
        got = everything(s, refused + good)
        check(got.count(b"HTTP/1.1") == 1 and b"HTTP/1.1 4" in got, refused, got[:300])
        check(b"Connection: close" in got, refused, got[:300])
    got = everything(s, good + good + good.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    check(got.count(b"HTTP/1.1 200") == 3, "three good ones in a row", got[:100])


def everything(s, sent):
    """All that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", s.port), timeout=15) as c:
        c.sendall(sent)
        got = b""
        while piece := c.recv(65536):
            got += piece
        return got


def check_taken_port(s, kurve, source):
    run = subprocess.run([kurve, "serve", "--port", str(s.port)], cwd=source, capture_output=True, text=True, timeout=20)
    check(run.returncode == 2 and "cannot listen" in run.stderr and "in use" in run.stderr, run.returncode, run.stdout, run.stderr)


def delay(s, method, path, body=None):
    """How long a good client waits at best: one that is kept behind others is so every time, one that meets a busy machine is not."""
    def once():
        start = time.monotonic()
        status, text = s.request(method, path, body)
        check(status == 200, path, status, text[:200])
        return time.monotonic() - start
    return min(once() for _ in range(5))


def check_slow_crowd(kurve, source):
    """Seventy that send their request byte by byte and seventy that do not read their answer, then 500 more, delay a good client by
    1 s at most, and SIGTERM ends the server in 2 s whatever they do: at best of five and three, for the machine may be busy."""
    ended = []
    for _ in range(3):
        s = Served(kurve, "docs/tutorial/strong.json", cwd=source)
        here = f"Host: 127.0.0.1:{s.port}\r\n".encode()
        question = json.dumps(GOOD)
        alone = [delay(s, "GET", "/"), delay(s, "POST", "/api/answer", question)]
        crowd = [socket.create_connection(("127.0.0.1", s.port), timeout=30) for _ in range(140)]
        for c in crowd[:70]:
            c.sendall(b"GET / HTTP/1.1\r\nHost: 127.0")
        for c in crowd[70:]:
            c.sendall((b"GET /chart.js HTTP/1.1\r\n" + here + b"\r\n") * 20)
        for _ in range(2):
            for before, beside in zip(alone, [delay(s, "GET", "/"), delay(s, "POST", "/api/answer", question)]):
                check(beside - before <= 1, "a good client waited", beside, "alone", before)
            crowd += [socket.create_connection(("127.0.0.1", s.port), timeout=30) for _ in range(500)]  # over the limit: the oldest give way
        heavy = json.dumps(dict(GOOD, K=1000000, set=EVERY_VARIABILITY, plan={**GOOD["plan"], "deadline": "1s"}, help=True)).encode()
        for path in (b"/api/answer", b"/api/plot.svg"):  # answers in hand, and more that wait
            for _ in range(8):
                c = socket.create_connection(("127.0.0.1", s.port), timeout=30)
                c.sendall(b"POST " + path + b" HTTP/1.1\r\n" + here + b"Content-Length: %d\r\n\r\n" % len(heavy) + heavy)
                crowd.append(c)
        start = time.monotonic()
        s.process.terminate()
        check(s.process.wait(timeout=20) == 0, s.process.stderr.read())
        ended.append(time.monotonic() - start)
        for c in crowd:
            c.close()
        if ended[-1] <= 2:
            return
    check(False, "ended only after", ended)


def check_memory(kurve, source):
    """With little memory to spare answers fail one by one, the server lives; with enough, none fails."""
    question = dict(GOOD, K=1000000, set=EVERY_VARIABILITY)
    with Served(kurve, "docs/tutorial/strong.json", cwd=source) as s:
        s.ask(GOOD)
        taken = 1024 * s.memory_kib("VmSize", everyone=False)
    if taken > 1 << 34:  # a sanitizer's shadow: it cannot be limited
        return
    for spare in (1 << 16, 1 << 19, 1 << 20, 3 << 19, 1 << 22, 1 << 26):
        statuses = []
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (taken + spare, taken + spare))
        with Served(kurve, "docs/tutorial/strong.json", cwd=source, preexec_fn=limit) as s:
            def ask():
                for path in ("/api/answer", "/api/curve.csv"):
                    try:
                        statuses.append(s.request("POST", path, json.dumps(question))[0])
                    except (OSError, http.client.HTTPException) as e:  # not even a refusal found memory
                        statuses.append(type(e).__name__)
            threads = [threading.Thread(target=ask) for _ in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            check(s.process.poll() is None, "ended with", spare, "bytes to spare:", s.process.stderr.read() if s.process.poll() else "")
            check(s.request("GET", "/page.js")[0] == 200, "no page afterwards")
            check(not {400, 500} & set(statuses) and (spare < 1 << 26 or set(statuses) == {200}), spare, statuses)


def check_answers_end_alone(kurve, source):
    """Whatever ends the process of an answer ends that answer; none outlives the server, or keeps its port or its clients."""
    s = Served(kurve, "docs/tutorial/strong.json", cwd=source, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
    check(s.ask(GOOD)[0] == 200, "no answer")
    for sent, status in ((signal.SIGKILL, 503), (signal.SIGSEGV, 500)):
        for child in s.children():  # at rest: it is begun anew
            os.kill(child, sent)
        time.sleep(0.5)
        check(s.ask(GOOD)[0] == 200, "no answer after", sent)
        for child in s.children():  # stopped, so that it is at the answer when it ends
            os.kill(child, signal.SIGSTOP)
        c = s.connect()
        c.request("POST", "/api/answer", json.dumps(GOOD))
        time.sleep(0.2)
        for child in s.children():
            os.kill(child, sent)
            os.kill(child, signal.SIGCONT)
        answer = c.getresponse()
        check(answer.status == status and b"error" in answer.read(), sent, answer.status)
        check(s.request("GET", "/")[0] == 200 and s.ask(GOOD)[0] == 200, "no answer after", sent)
    client = socket.create_connection(("127.0.0.1", s.port), timeout=10)
    children = s.children()
    s.process.kill()
    s.process.wait()
    try:
        left = client.recv(1)
    except ConnectionResetError:  # not yet accepted when the server ended
        left = b""
    check(children and left == b"", "a client is kept")
    with Served(kurve, "--port", str(s.port), cwd=source) as again:
        check(again.port == s.port, "the port is kept")
    for child in children:
        try:
            with open(f"/proc/{child}/stat") as stat:
                check(stat.read().rsplit(")", 1)[1].split()[0] in "ZX", "an answer goes on")
        except FileNotFoundError:
            pass


def check_token(kurve, source):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "token")
        with open(path, "w") as file:
            file.write("correct-horse\n")
        for where in ("env:KURVE_TEST_TOKEN", "file:" + path):
            with Served(kurve, "docs/tutorial/strong.json", "--token", where, cwd=source, env={**os.environ, "KURVE_TEST_TOKEN": "correct-horse"}) as s:
                check(s.line.rstrip().endswith("?token=correct-horse (Ctrl-C ends it)"), s.line)
                with open(f"/proc/{s.process.pid}/cmdline", "rb") as line:
                    check(b"horse" not in line.read(), "the secret is in the list of processes")
                check(s.request("GET", "/")[0] == 200, "the page itself")
                for headers, status in [({}, 401), ({"X-Kurve-Token": "wrong"}, 401), ({"X-Kurve-Token": "correct-horsf"}, 401), ({"X-Kurve-Token": "correct-horse"}, 200)]:
                    check(s.request("GET", "/api/models", headers=headers)[0] == status, headers)
                    check(s.ask(GOOD, headers=headers)[0] == status, headers)
        made_up = set()
        for arguments in (["--token", "new"], ["--host", "127.0.0.2"]):  # not by its loopback name
            with Served(kurve, *arguments, cwd=source) as s:
                token = re.search(r"\?token=([0-9a-f]{32}) ", s.line).group(1)
                made_up.add(token)
                check(s.request("GET", "/api/models")[0] == 401, "no token asked")
                check(s.request("GET", "/api/models", headers={"X-Kurve-Token": token})[0] == 200, "the printed token")
        check(len(made_up) == 2, "a token is made up twice", made_up)
    for arguments, words in [(["--token", "correct-horse"], "whoever lists the processes"), (["--token", "env:KURVE_NOT_SET"], "no such environment variable"),
                             (["--token", "file:/no/such"], "no such file"), (["--token", "env:KURVE_TEST_SHORT"], "at least 8"), (["--port", "70000"], "port"),
                             (["--host", "203.0.113.7"], "cannot listen"), (["no-such.json"], "no-such.json")]:
        run = subprocess.run([kurve, "serve", *arguments], cwd=source, capture_output=True, text=True, timeout=20, env={**os.environ, "KURVE_TEST_SHORT": "short"})
        check(run.returncode in (2, 3) and words in run.stderr and "horse" not in run.stderr, arguments, run.returncode, run.stderr)


def mutated(random_, text):
    data = bytearray(text)
    for _ in range(random_.randint(1, 6)):
        kind, at = random_.randrange(5), random_.randrange(max(1, len(data)))
        if kind == 0 and data:
            data[at % len(data)] = random_.randrange(256)
        elif kind == 1:
            del data[at:at + random_.randint(1, 20)]
        elif kind == 2:
            data[at:at] = random_.choice([b'"', b"{", b"]", b",", b"1e308", b"-", b"null", b"\x00", b"\xff", b"\r\n", b"--out=", b"../", b"9" * 30])
        elif kind == 3:
            data[at:at] = data[at:at + random_.randint(1, 40)]
        else:
            data = data[:at]
    return bytes(data)


def check_fuzz(s, count, seed):
    """Mutated bodies, mostly; every twentieth a mutated request as a whole. Never a 5xx, and the server lives."""
    r = random.Random(seed)
    connection = s.connect()
    memory = None
    for n in range(count):
        if n == count // 5:
            memory = s.memory_kib()
        if n % 20 == 0:
            head = f"POST /api/answer HTTP/1.1\r\nHost: 127.0.0.1:{s.port}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
            with socket.create_connection(("127.0.0.1", s.port), timeout=30) as c:
                try:
                    c.sendall(mutated(r, head))
                    c.shutdown(socket.SHUT_WR)
                    c.recv(4096)
                except OSError:
                    pass
            continue
        question = dict(GOOD, last_K=64)
        if n % 3 == 0:
            question["plan"] = None
        body = mutated(r, json.dumps(question).encode())
        try:
            status, text = s.request("POST", "/api/answer", body, connection=connection)
        except OSError:
            connection = s.connect()
            continue
        except Exception as e:  # http.client's own: the server closed after a refusal
            connection = s.connect()
            check(s.process.poll() is None, "the server ended:", e)
            continue
        check(status in (200, 400, 413), n, body, status, text[:200])
    grown = s.memory_kib() - memory
    check(grown < 16 * 1024, "memory grew by", grown, "KiB")
    print(f"fuzz: {count} requests, memory grew by {grown} KiB after the first fifth")


def drag(s, seconds, times, faults):
    end, k = time.monotonic() + seconds, 1.0
    connection = s.connect()
    while time.monotonic() < end:
        k = k * 1.1 if k < 9e5 else 1.0
        question = dict(GOOD, K=round(k), set={**EVERY_VARIABILITY, "variability.stragglers.probability": 1e-3 * (1 + k / 1e6)})
        start = time.monotonic()
        try:
            status, body = s.ask(question, connection=connection)
            if status != 200:
                faults.append(body)
            times.append(1e3 * (time.monotonic() - start))
        except OSError as e:
            faults.append(e)
            connection = s.connect()


def load(s, seconds):
    times, faults = [], []
    threads = [threading.Thread(target=drag, args=(s, seconds, times, faults)) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 4)
    memory = s.memory_kib()
    for thread in threads:
        thread.join()
    times.sort()
    print(f"load: 4 clients, {seconds} s: {len(times)} answers, median {statistics.median(times):.1f} ms, "
          f"95 % {times[int(0.95 * len(times))]:.1f} ms, {len(faults)} faults, memory {memory} -> {s.memory_kib()} KiB")
    check(not faults, faults[:3])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("kurve")
    arguments.add_argument("source")
    arguments.add_argument("--fuzz", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=7)
    arguments.add_argument("--load", type=float, default=0)
    a = arguments.parse_args()
    with Served(a.kurve, "docs/tutorial/strong.json", cwd=a.source) as s:
        check_refusals(s)
        check_reasons(s)
        check_bounds(s)
        check_taken_port(s, a.kurve, a.source)
        check_rough_clients(s)
        check_fuzz(s, a.fuzz, a.seed)
        if a.load:
            load(s, a.load)
        check(s.ask(GOOD)[0] == 200, "no answer at the end")
    check_slow_crowd(a.kurve, a.source)
    check_memory(a.kurve, a.source)
    check_answers_end_alone(a.kurve, a.source)
    check_token(a.kurve, a.source)
    print("ok")


main()
