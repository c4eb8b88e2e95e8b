"""
What the sandbox of a RUN costs, in each id mode that there is here. Used by the benchmark; must not know how it prints.
Modes, and what is measured inside and outside, take turns: another load on the machine then meets all alike.
"""
import gzip, io, os, pathlib, pwd, random, re, shlex, shutil, statistics, subprocess, sys, tarfile, time

DFGEN = os.environ.get("DFGEN", "dfgen")
NINJA = os.environ.get("NINJA", "ninja")
USER = "dfgen-test"


class Mode:
    """A way to start helpers, with a folder and a store of its own."""

    def __init__(self, bench, what, name, prefix=(), env=None):
        self.bench, self.name, self.prefix = bench, name, list(prefix)
        self.place = bench.scratch / f"{what}-{name.replace(' ', '-')}"
        self.source, self.build = self.place / "src", self.place / "build"
        self.env = {**(env or {}), "DFGEN_STORE": str(self.place / "store"), "HOME": str(self.place)}
        self.source.mkdir(parents=True)
        self.own()

    def own(self):
        """Give all that was written to the user."""
        if self.prefix:
            subprocess.run(["chown", "-R", USER, self.place], check=True)

    def once(self, command, cwd=None):
        return self.bench.once([*self.prefix, *command], cwd, self.env)

    def generate(self, dockerfile):
        (self.source / "Dockerfile").write_text(dockerfile)
        self.own()
        self.once([DFGEN, "-C", self.build, "--build-context", self.bench.base, self.source])

    def commands(self, step):
        """The helpers' command lines up to a step's stamp, as ninja would start them."""
        text = self.once([NINJA, "-C", self.build, "-t", "commands", f".dfgen/stage-0/{step}.stamp"])[2]
        lines = [shlex.split(line) for line in text.splitlines()]
        return [words[1:] for words in lines if words and words[0] == "exec"]

    def forget(self, step):
        """Make a step that was run as if it had not been, its layer included."""
        stamp = self.build / f".dfgen/stage-0/{step}.stamp"
        if not stamp.exists():
            return
        layer = stamp.read_text().split()[-1].replace(":", "-")
        for path in [*(self.place / "store/layers").glob(f"*/{layer}"), self.place / "store/actions"]:
            shutil.rmtree(path)
        (self.place / "store/actions").mkdir()
        stamp.unlink()
        self.own()


def modes(bench, what):
    single = {"DFGEN_ID_MODE": "single"}
    if os.geteuid():
        return [Mode(bench, what, "as you are"), Mode(bench, what, "single id", env=single)]
    found = [Mode(bench, what, "root"), Mode(bench, what, "single id", env=single)]
    bench.scratch.chmod(0o755)
    prefix = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"]
    if USER in (entry.pw_name for entry in pwd.getpwall()):
        user = Mode(bench, what, "subordinate ids", prefix)
        program = shutil.which(DFGEN) or DFGEN
        if subprocess.run([*prefix, "test", "-x", program, "-a", "-w", user.place]).returncode == 0:
            found.insert(1, user)
    return found


def trivial(bench):
    """Each of a chain of RUNs that do next to nothing, from the helper's start to its end."""
    count = bench.options.runs
    lines = "".join(f"RUN echo {i} {time.time_ns()} >/f{i % 10}\n" for i in range(count))
    measured = []
    for mode in modes(bench, "trivial"):
        print(f"  trivial RUNs, {mode.name} ...", file=sys.stderr, flush=True)
        mode.generate("FROM busybox\n" + lines)
        *before, = mode.commands(count)
        for command in before[:-count]:
            mode.once(command, mode.build)
        measured.append((mode, before[-count:], []))
    for step in range(count):
        for mode, commands, runs in measured:
            runs.append(mode.once(commands[step], mode.build))
    for mode, _, runs in measured:
        bench.row_of(f"trivial RUN, {mode.name}: dfgen-run, {count} of them", runs, "12" if mode.name == "root" else "20")


def write_archive(path, count, size):
    """Files in folders of a hundred, of that mean size and no two alike, with text that compresses as programs do."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz_(){};=.", k=draw.randint(2, 9))) for _ in range(3000)]
    text = " ".join(draw.choices(words, k=400000)).encode()
    opener = gzip.open(path, "wb", 6) if path.suffix == ".gz" else open(path, "wb")
    with opener as out, tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for i in range(count):
            if i % 100 == 0:
                folder = tarfile.TarInfo(f"d{i // 100}")
                folder.type, folder.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(folder)
            member = tarfile.TarInfo(f"d{i // 100}/f{i % 100}")
            member.size = min(int(draw.expovariate(1 / size)) + 1, len(text) // 2)
            start = draw.randrange(len(text) // 2)
            tar.addfile(member, io.BytesIO(text[start:start + member.size]))


def command_times(log):
    """What the shell's "time" said of the command, in milliseconds: real, and of processors."""
    found = re.findall(r"^(?:real|user|sys)\s+(\d+)m\s*([\d.]+)s", log, re.M)
    real, user, system = ((int(minutes) * 60 + float(seconds)) * 1000 for minutes, seconds in found)
    return real, user + system


class Unpacking:
    """One archive in one mode: the command outside, the command in a RUN, and the whole RUN."""

    def __init__(self, mode, archive):
        shutil.copyfile(archive, mode.source / archive.name)
        self.mode, self.outside, self.inside, self.step = mode, [], [], []
        arguments = ["xzf" if archive.suffix == ".gz" else "xf"]
        mode.generate(f"FROM busybox\nCOPY {archive.name} /\nRUN mkdir /o; time tar {arguments[0]} /{archive.name} -C /o\n")
        *before, self.command = mode.commands(2)
        for command in before:
            mode.once(command, mode.build)
        self.out = mode.place / "out"
        busybox = next((mode.place / "store/layers").glob("*/*/fs/bin/busybox"))
        self.beside = [busybox, "tar", *arguments, mode.source / archive.name, "-C", self.out]

    def turn(self):
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        self.mode.forget(2)
        self.mode.own()
        self.outside.append(self.mode.once(self.beside))
        self.step.append(self.mode.once(self.command, self.mode.build))
        log = (self.mode.build / ".dfgen/stage-0/2.log").read_text()
        real, cpu = command_times(log)
        self.inside.append((real, 0, "", cpu))

    def tell(self, bench, what, wanted):
        bench.row_of(f"{what}, {self.mode.name}: outside of a sandbox", self.outside)
        bench.row_of(f"{what}, {self.mode.name}: the command in a RUN", self.inside)
        bench.row_of(f"{what}, {self.mode.name}: the whole RUN", self.step)
        bench.notes.append(f"{what}, {self.mode.name}: in a RUN the command takes {self.ratio(self.inside)} what it takes outside "
                           f"(wanted: {wanted}), the whole RUN {self.ratio(self.step)}; of processors {self.ratio(self.step, 3)}.\n")

    def ratio(self, runs, which=0):
        """To what was measured outside in the same turn: median and least."""
        ratios = [run[which] / outside[which] for run, outside in zip(runs, self.outside)]
        return f"{statistics.median(ratios):.2f} times (least: {min(ratios):.2f})"


def unpack(bench):
    """A RUN of very many system calls: files of programs from a compressed archive, and tiny ones from a plain one."""
    count = bench.options.unpacked
    for name, what, size in (("files.tar.gz", f"{count:,} files of 8 KB unpacked from .tar.gz", 8000),
                             ("tiny.tar", f"{count:,} files of 200 bytes unpacked from .tar", 200)):
        archive = bench.scratch / name
        write_archive(archive, count, size)
        unpackings = [Unpacking(mode, archive) for mode in modes(bench, pathlib.Path(name).stem)]
        for turn in range(bench.options.reps + 1):
            print(f"  {what}, turn {turn} ...", file=sys.stderr, flush=True)
            for unpacking in unpackings:
                unpacking.turn()
        for unpacking in unpackings:
            for runs in (unpacking.outside, unpacking.inside, unpacking.step):
                del runs[0]
            unpacking.tell(bench, what, "1.1" if unpacking.mode.name != "single id" else "1.5")
            shutil.rmtree(unpacking.out)
