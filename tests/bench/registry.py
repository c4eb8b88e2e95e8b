"""
Push and pull of a large image in ten layers against docker-registry, beside skopeo. Used by the benchmark; must not know how it prints.
The two take turns: another load on the machine then meets both alike. Not measured where docker-registry or skopeo is not installed.
"""
import hashlib, json, os, shutil, socket, statistics, subprocess, time

DFGEN = os.environ.get("DFGEN", "dfgen")
OCI = "application/vnd.oci.image."
LAYERS = 10


def write_layout(folder, size):
    """An image whose layers cannot be compressed: what is measured is the way, not what goes along it."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)

    def blob(data, kind):
        data = data if isinstance(data, bytes) else json.dumps(data).encode()
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"mediaType": OCI + kind, "digest": "sha256:" + name, "size": len(data)}

    layers = [blob(os.urandom(size), "layer.v1.tar") for _ in range(LAYERS)]
    machine = os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")
    config = {"os": "linux", "architecture": machine, "config": {},
              "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}
    top = blob({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": blob(config, "config.v1+json"),
                "layers": layers}, "manifest.v1+json")
    top["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def start(bench, data):
    """docker-registry with its data in that folder: the process and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
    conf = bench.scratch / "registry.yml"
    conf.write_text(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                    f"storage: {{filesystem: {{rootdirectory: {data}}}}}\nhttp: {{addr: '{address}'}}\n")
    server = subprocess.Popen(["docker-registry", "serve", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(tuple(address.rsplit(":", 1))).close()
            return server, address
        except OSError:
            time.sleep(0.05)
    server.kill()
    raise SystemExit("tests/bench/run: docker-registry does not start")


def measure(bench, what, commands, before):
    """Both in turns, one turn untimed; two rows."""
    figures = {name: [] for name in commands}
    for turn in range(bench.options.reps + 1):
        for name, command in commands.items():
            before()
            os.sync()
            elapsed, peak, _, cpu = bench.once(command)
            if turn:
                figures[name].append((elapsed, peak, cpu))
    for name, rows in figures.items():
        times, peaks, cpus = zip(*rows)
        row = statistics.median(times), min(times), max(times), statistics.median(cpus), statistics.median(peaks)
        bench.rows.append((f"{what}: {name}", row, "skopeo's, 64 MiB" if name == "dfgen" else "", {}))


def registry(bench):
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        bench.notes.append("Push and pull are not measured: docker-registry and skopeo are needed.")
        return
    each = max(1, bench.options.megabytes // 2)
    layout, data, copy, store = (bench.scratch / name for name in ("image", "registry", "copy", "pulled"))
    write_layout(layout, each * 1000000)
    server, address = start(bench, data)
    name, what = f"{address}/big/image:1", f"image of {LAYERS} layers, {LAYERS * each:,} MB: "

    def forget():
        for folder in (data, copy, store):
            shutil.rmtree(folder, ignore_errors=True)

    def forget_copies():
        for folder in (copy, store):
            shutil.rmtree(folder, ignore_errors=True)

    try:
        measure(bench, what + "push", {
            "dfgen": [DFGEN, "push", layout, name],
            "skopeo": ["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:latest", f"docker://{name}"],
        }, forget)
        measure(bench, what + "pull", {
            "dfgen": [DFGEN, "pull", "--store", store, name],
            "skopeo": ["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"oci:{copy}:latest"],
        }, forget_copies)
    finally:
        server.kill()
        server.wait()
