#!/usr/bin/env python3
"""killed.py COUNT PROJECT STORE: kill a build of one RUN at random instants, COUNT times. Run by S42-killed.test, or by hand with a larger COUNT.

Whom (helper, keeper, ninja) and how (TERM, INT, KILL) and when is random; the seed is printed. Then no process, mount or half entry is left, and the build ends
with the digest that it had at first.
"""
import os, random, signal, subprocess, sys, time

COUNT, PROJECT, STORE = int(sys.argv[1]), sys.argv[2], os.path.abspath(sys.argv[3])
SEED = int(os.environ.get("SEED", time.time_ns() % 100000))
print("seed", SEED)
random.seed(SEED)
MARK = os.path.abspath(PROJECT)
stamp = PROJECT + "/.dfgen/stage-0/1.stamp"


def processes():
    """pid -> (parent, words, own working folder) of all that belong to this build."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            with open(f"/proc/{pid}/stat") as file:
                parent, state = int(file.read().rsplit(")", 1)[1].split()[1]), 0
            folder = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if folder.startswith(MARK) or b"dfgen-sleeper" in b" ".join(words) or STORE.encode() in b" ".join(words):
            found[int(pid)] = (parent, words)
    found.pop(os.getpid(), None)
    return found


def fresh():
    """As if the RUN had never been."""
    for root in ("actions",):
        for name in os.listdir(f"{STORE}/{root}"):
            os.unlink(f"{STORE}/{root}/{name}")
    if os.path.exists(stamp):
        os.unlink(stamp)


def ninja():
    return subprocess.Popen(["ninja", "-C", PROJECT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def build():
    done = subprocess.run(["ninja", "-C", PROJECT], capture_output=True, timeout=120)
    if done.returncode:
        sys.exit("the build fails: " + done.stdout.decode(errors="replace"))
    with open(PROJECT + "/.dfgen/images/stage-0/index.json") as file:
        return file.read()


want = build()
hit = {}
for n in range(COUNT):
    fresh()
    child = ninja()
    time.sleep(random.random() * 0.15)
    whom, how = random.choice(("helper", "keeper", "ninja")), random.choice((signal.SIGTERM, signal.SIGINT, signal.SIGKILL))
    running = processes()
    helpers = [pid for pid, (_, words) in running.items() if words[0].endswith(b"dfgen-run")]
    below = [pid for pid, (parent, words) in running.items() if parent in helpers and words[0].endswith(b"dfgen-run")]
    targets = {"ninja": [child.pid], "keeper": below, "helper": [pid for pid in helpers if pid not in below]}[whom]
    for pid in targets[:1]:
        try:
            os.kill(pid, how)
            hit[whom] = hit.get(whom, 0) + 1
        except ProcessLookupError:
            pass
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        sys.exit(f"{n}: ninja does not end after {how.name} to {whom}")
    for _ in range(200):
        left = processes()
        if not left:
            break
        time.sleep(0.05)
    else:
        sys.exit(f"{n}: left after {how.name} to {whom}: {left}")
    with open("/proc/self/mounts") as file:
        if STORE in file.read():
            sys.exit(f"{n}: a mount is left after {how.name} to {whom}")
    if how != signal.SIGKILL and whom == "helper" and os.path.exists(stamp) and not os.listdir(f"{STORE}/actions"):
        sys.exit(f"{n}: a stamp without a record")
    if n % 10 == 9 or n == COUNT - 1:
        if build() != want:
            sys.exit(f"{n}: another digest")
fresh()
if build() != want:
    sys.exit("another digest in the end")
print("killed:", hit)
# What SIGKILL leaves in tmp is swept: its time tells when that was done last.
mark = STORE + "/tmp/.swept"
if os.path.exists(mark):
    os.utime(mark, (0, 0))
fresh()
build()
left = [name for name in os.listdir(STORE + "/tmp") if name != ".swept"]
if left:
    sys.exit(f"left in tmp: {left}")
