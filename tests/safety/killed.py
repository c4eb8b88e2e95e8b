#!/usr/bin/env python3
"""killed.py COUNT PROJECT STORE: send COUNT signals to a build of one RUN at random instants. Run by S42-killed.test, or by hand with a larger COUNT.

Helper, keeper and ninja get TERM, INT and KILL in turn, each as often; the victim is waited for, and a signal counts when it was alive to get it. The instant
is random; the seed is printed. After each no process, mount or half entry is left, and the build ends with the digest that it had at first.
"""
import itertools, os, random, re, signal, subprocess, sys, time

COUNT, PROJECT, STORE = int(sys.argv[1]), sys.argv[2], os.path.abspath(sys.argv[3])
SEED = int(os.environ.get("SEED", time.time_ns() % 100000))
print("seed", SEED)
random.seed(SEED)
MARK = os.path.abspath(PROJECT)
STAMP = PROJECT + "/.dfgen/stage-0/1.stamp"
PATIENCE = 60


def read(path):
    with open(path, "rb") as file:
        return file.read()


def processes():
    """pid -> (parent, words, how many PID namespaces deep) of all that belong to this build, but for those that have ended."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = read(f"/proc/{pid}/cmdline").split(b"\0")
            status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").decode(errors="replace").splitlines() if ":\t" in line)
            folder = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if status["State"][0] not in "ZX" and (folder.startswith(MARK) or b"dfgen-sleeper" in b" ".join(words) or STORE.encode() in b" ".join(words)):
            found[int(pid)] = (int(status["PPid"]), words, len(status["NSpid"].split()))
    found.pop(os.getpid(), None)
    return found


def children(pid):
    """Asked for often, so no look at all processes is taken."""
    try:
        return [int(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()]
    except OSError:
        return []


def is_helper(pid, depth):
    try:
        return read(f"/proc/{pid}/cmdline").split(b"\0")[0].endswith(b"dfgen-run") and len(re.search(rb"NSpid:(.*)", read(f"/proc/{pid}/status")).group(1).split()) == depth
    except (OSError, AttributeError):
        return False


def find(whom, ninja):
    """The helper is ninja's child, the keeper the first process of a PID namespace below it."""
    if whom == "ninja":
        return ninja.pid if ninja.poll() is None else None
    for pid in filter(lambda pid: is_helper(pid, 1), children(ninja.pid)):
        if whom == "helper":
            return pid
        for keeper in filter(lambda keeper: is_helper(keeper, 2), children(pid)):
            return keeper
    return None


def is_alive(pid):
    try:
        return read(f"/proc/{pid}/stat").rsplit(b")", 1)[1].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def fresh():
    """As if the RUN had never been."""
    for name in os.listdir(f"{STORE}/actions"):
        os.unlink(f"{STORE}/actions/{name}")
    if os.path.exists(STAMP):
        os.unlink(STAMP)


def build():
    done = subprocess.run(["ninja", "-C", PROJECT], capture_output=True, timeout=2 * PATIENCE)
    if done.returncode:
        sys.exit("the build fails: " + done.stdout.decode(errors="replace"))
    return read(PROJECT + "/.dfgen/images/stage-0/index.json")


def strike(whom, how):
    """One build, hit or not. How long the victim lives is learnt; its beginning, when most happens, is met as often as all the rest."""
    child = subprocess.Popen(["ninja", "-C", PROJECT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    pid = find(whom, child)
    while pid is None and child.poll() is None:
        pid = find(whom, child)
    was_hit = False
    if pid is not None:
        time.sleep(random.random() * random.choice((life[whom], 0.03)))
        try:
            handle = os.pidfd_open(pid)
            was_hit = is_alive(pid)
            signal.pidfd_send_signal(handle, how)
            os.close(handle)
        except ProcessLookupError:
            was_hit = False
    try:
        child.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        sys.exit(f"ninja does not end after {how.name} to {whom}")
    life[whom] = min(max(life[whom] * (1.1 if was_hit else 0.8), 0.005), 5)
    return was_hit


def check(what):
    until = time.monotonic() + PATIENCE
    while left := processes():
        if time.monotonic() > until:
            sys.exit(f"left after {what}: {left}")
        time.sleep(0.02)
    if STORE in read("/proc/self/mounts").decode(errors="replace"):
        sys.exit(f"a mount is left after {what}")
    for mode in os.listdir(f"{STORE}/layers"):
        for layer in os.listdir(f"{STORE}/layers/{mode}"):
            if not all(os.path.exists(f"{STORE}/layers/{mode}/{layer}/{part}") for part in ("list", "fs")):
                sys.exit(f"half a layer after {what}: {mode}/{layer}")
    if os.path.exists(STAMP) and not os.listdir(f"{STORE}/actions"):
        sys.exit(f"a stamp without a record after {what}")


want = build()
life = {"helper": 0.3, "keeper": 0.2, "ninja": 0.4}
hits, misses = {}, 0
for whom, how in itertools.cycle(itertools.product(("helper", "keeper", "ninja"), (signal.SIGTERM, signal.SIGINT, signal.SIGKILL))):
    total = sum(hits.values())
    if total == COUNT:
        break
    what = f"{how.name} to {whom}"
    fresh()
    while not strike(whom, how):
        misses += 1
        check(what + ", which was gone")
        fresh()
        if misses > 20 * COUNT + 100:
            sys.exit(f"too few victims were met: {hits}")
    hits[what] = hits.get(what, 0) + 1
    check(what)
    if total % 10 == 9 and build() != want:
        sys.exit(f"another digest after {what}")
fresh()
if build() != want:
    sys.exit("another digest in the end")
print(f"{sum(hits.values())} signals, {misses} too late:", hits)
# What SIGKILL leaves in tmp is swept: its time tells when that was done last.
mark = STORE + "/tmp/.swept"
if os.path.exists(mark):
    os.utime(mark, (0, 0))
fresh()
build()
left = [name for name in os.listdir(STORE + "/tmp") if name != ".swept"]
if left:
    sys.exit(f"left in tmp: {left}")
