# SPDX-License-Identifier: Apache-2.0
"""http_test.py KURVE SOURCE [--fuzz N] [--seed S] [--load SECONDS]

What the server answers to what is not the page: other hosts and sites, nonsense, too much, too slow. By default a few thousand
fuzzed requests; `--fuzz 100000` and `--load 60` (four clients dragging sliders) are for a longer run by hand. All of it goes
to 127.0.0.1 and ends by itself.
"""
import argparse
import json
import random
import socket
import statistics
import subprocess
import threading
import time

from support import Served, check

GOOD = {"model": 0, "K": 64, "last_K": 1000000, "threshold": 0.7,
        "set": {"variability.noise.cv": 0.02, "variability.imbalance.cv": 0.05, "global_batch": 100000000},
        "plan": {"steps": "1M", "price": "2.5/gpu-hour", "deadline": "7d", "mtbf": "llama3"}}

EVERY_VARIABILITY = {
    **GOOD["set"], "variability.noise.cv": 0.05, "variability.noise.node_cv": 0.03, "variability.noise.step_cv": 0.02, "variability.noise.run_cv": 0.02,
    "variability.stragglers.slowdown": 1.7, "variability.stragglers.spread_cv": 0.4, "variability.persistent.probability": 1e-4,
    "variability.persistent.slowdown": 1.3, "variability.hop_jitter.cv": 0.3, "gradient_bytes": 1e9, "network.inter.bandwidth_Bps": 2.5e10,
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
                            (with_(set={"network.allreduce": "pigeon"}), "pigeon"), (with_(set={"global_batch": 0}), "global_batch"), (with_(set={"regime": "mixed"}), "regime"),
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


def check_token(kurve, source):
    with Served(kurve, "docs/tutorial/strong.json", "--token", "correct-horse", cwd=source) as s:
        check(s.request("GET", "/")[0] == 200, "the page itself")
        for headers, status in [({}, 401), ({"X-Kurve-Token": "wrong"}, 401), ({"X-Kurve-Token": "correct-horsf"}, 401), ({"X-Kurve-Token": "correct-horse"}, 200)]:
            check(s.request("GET", "/api/models", headers=headers)[0] == status, headers)
            check(s.ask(GOOD, headers=headers)[0] == status, headers)
    for arguments, words in [(["--host", "0.0.0.0"], "without a --token"), (["--host", "0.0.0.0", "--token", "short"], "without a --token"),
                             (["--token", "a b c d e f"], "letters"), (["--port", "70000"], "port"), (["--host", "203.0.113.7", "--token", "long-enough"], "cannot listen"),
                             (["no-such.json"], "no-such.json")]:
        run = subprocess.run([kurve, "serve", *arguments], cwd=source, capture_output=True, text=True, timeout=20)
        check(run.returncode in (2, 3) and words in run.stderr, arguments, run.returncode, run.stderr)


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
        check_rough_clients(s)
        check_fuzz(s, a.fuzz, a.seed)
        if a.load:
            load(s, a.load)
        check(s.ask(GOOD)[0] == 200, "no answer at the end")
    check_token(a.kurve, a.source)
    print("ok")


main()
