"""
What an image costs a build around it that has nothing to do. Used by the benchmark; must not know how it prints.
"""
import os, pathlib, shutil

HERE = pathlib.Path(__file__).resolve().parent
DFGEN = os.environ.get("DFGEN", "dfgen")
NINJA = os.environ.get("NINJA", "ninja")
WHAT = "nothing changed, with an image more than without: "


def make_sources(bench):
    """The examples, and the same program without an image: folders by name."""
    folders = {}
    for system in ("ninja", "make", "cmake"):
        folders[system] = bench.scratch / f"around-{system}"
        shutil.copytree(HERE.parent.parent / "examples" / system, folders[system])
        (folders[system] / "out").mkdir(exist_ok=True)
    nothing = folders["nothing"] = bench.scratch / "around-nothing"
    nothing.mkdir()
    shutil.copy(folders["ninja"] / "greeter.c", nothing)
    (nothing / "build.ninja").write_text("rule link\n  command = mkdir -p out && cc -O2 -static -o $out $in\n"
                                         "build out/greeter: link greeter.c\n")
    (nothing / "Makefile").write_text("all: out/greeter\n$(shell mkdir -p out)\n"
                                      "out/greeter: greeter.c\n\t$(CC) -O2 -static -o $@ $<\n")
    (nothing / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.20)\nproject(greeter C)\n"
                                            "add_executable(greeter greeter.c)\n")
    return folders


def compare(bench, name, command, build, without, want):
    """Both are built until nothing is left to do."""
    for folder in (build, without):
        for _ in range(3):
            bench.once(command, folder)
    bench.difference(WHAT + name, (command, build), (command, without), want)


def around(bench):
    """ninja, make, CMake with Ninja and with Makefiles."""
    folders = make_sources(bench)
    bench.once([DFGEN, "--prefix", "image-", "--build-file", "docker.ninja", "--target", "production", "--build-context", "program=out"],
               folders["ninja"])
    compare(bench, "ninja", [NINJA], folders["ninja"], folders["nothing"], "10")
    compare(bench, "make", ["make"], folders["make"], folders["nothing"], "50")
    for generator, tool, want in (("Ninja", [NINJA], "10"), ("Unix Makefiles", ["make"], "50")):
        if shutil.which("cmake"):
            builds = [folders[name] / f"build-{tool[0]}" for name in ("cmake", "nothing")]
            for build in builds:
                bench.once(["cmake", "-G", generator, "-S", build.parent, "-B", build])
            compare(bench, f"CMake with {generator}", tool, *builds, want)
