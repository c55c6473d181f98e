"""Uses the library as an outside project does: packaging_test.py <way> <source> <build> <compiler> <component>...

The ways: installed (static and shared, by CMake and by pkg-config), subdirectory, fetched. `build` is a build without
sanitizers of `source`, whose static libraries are the ones installed.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

WAY, SOURCE, BUILD, COMPILER, *COMPONENTS = sys.argv[1:]
# What the compiler cache knows from one directory serves all.
CACHE = {"CCACHE_NOHASHDIR": "true", "CCACHE_SLOPPINESS": "pch_defines,time_macros"}
CONSUMER = pathlib.Path(__file__).parent / "consumer"


def run(*command, env=None):
    """Runs a command; its output only shows if it fails. Whatever Boost the build is over is found."""
    boost = cache_of(BUILD, "WOLFRAMITE_BOOST_INCLUDE_DIR")
    found = {"CPATH": boost, "CMAKE_INCLUDE_PATH": boost} if boost else {}
    done = subprocess.run([str(each) for each in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, env={**os.environ, **CACHE, **found, **(env or {})})
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="wolframite-packaging-"))
        self.addCleanup(shutil.rmtree, self.scratch)

    def configure(self, source, build, *options):
        run("cmake", "-S", source, "-B", build, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={COMPILER}",
            f"-DCMAKE_CXX_COMPILER_LAUNCHER={cache_of(BUILD, 'WOLFRAMITE_CCACHE').replace('NOTFOUND', '')}", *options)

    def use_with_cmake(self, how, *options):
        build = self.scratch / "consumer"
        self.configure(CONSUMER, build, f"-DHOW={how}", f"-DCOMPONENTS={';'.join(COMPONENTS)}", *options)
        run("cmake", "--build", build)
        self.use(build)

    def use(self, build):
        for component in COMPONENTS:
            self.assertIn(f"{component}: hello from outside", run(build / f"use_{component}"))

    def linked(self, program):
        return [line for line in run("ldd", program).splitlines() if "libwolframite" in line]


@unittest.skipUnless(WAY == "installed", "another way")
class Installed(Case):
    def setUp(self):
        super().setUp()
        self.prefix = self.scratch / "prefix"

    def install_static(self):
        run("cmake", "--install", BUILD, "--prefix", self.prefix)

    def install_shared(self):
        build = self.scratch / "shared"
        self.configure(SOURCE, build, "-DBUILD_SHARED_LIBS=ON", "-DWOLFRAMITE_EXAMPLES=OFF", "-DWOLFRAMITE_BENCH=OFF",
                       f"-DCMAKE_INSTALL_PREFIX={self.prefix}", *flags_of(BUILD))
        run("cmake", "--build", build)
        run("cmake", "--install", build)

    def libraries(self):
        return self.prefix / cache_of(BUILD, "CMAKE_INSTALL_LIBDIR")

    def use_with_make(self, *arguments):
        out = self.scratch / "make"
        out.mkdir()
        run("make", "-C", CONSUMER, f"OUT={out}", f"COMPONENTS={' '.join(COMPONENTS)}", f"CXX={COMPILER}", *arguments,
            env={"PKG_CONFIG_PATH": str(self.libraries() / "pkgconfig"),
                 "LD_RUN_PATH": str(self.libraries())})
        self.use(out)
        return out

    def test_static(self):
        self.install_static()
        with self.subTest("cmake"):
            self.use_with_cmake("installed", f"-DCMAKE_PREFIX_PATH={self.prefix}")
            self.assertEqual(self.linked(self.scratch / "consumer" / "use_epoll"), [])
        with self.subTest("a component that does not exist"):
            with self.assertRaisesRegex(AssertionError, "has no component nonsense"):
                self.configure(CONSUMER, self.scratch / "nonsense", "-DHOW=installed", "-DCOMPONENTS=nonsense",
                               f"-DCMAKE_PREFIX_PATH={self.prefix}")
        with self.subTest("a version that is too new"):
            text = (CONSUMER / "CMakeLists.txt").read_text().replace("wolframite 0.1", "wolframite 0.2")
            newer = self.scratch / "newer"
            newer.mkdir()
            (newer / "CMakeLists.txt").write_text(text)
            with self.assertRaisesRegex(AssertionError, "requested version"):
                self.configure(newer, self.scratch / "build-newer", "-DHOW=installed", "-DCOMPONENTS=core",
                               f"-DCMAKE_PREFIX_PATH={self.prefix}")
        with self.subTest("make"):
            self.use_with_make("STATIC=--static")

    def test_shared(self):
        self.install_shared()
        with self.subTest("cmake"):
            self.use_with_cmake("installed", f"-DCMAKE_PREFIX_PATH={self.prefix}")
            linked = " ".join(self.linked(self.scratch / "consumer" / "use_epoll"))
            self.assertIn("libwolframite_epoll.so.0.1 ", linked)
        with self.subTest("make"):
            self.use_with_make()
        with self.subTest("what is not declared in a public header cannot be seen"):
            symbols = run("nm", "-DC", "--defined-only", self.libraries() / "libwolframite_core.so")
            self.assertIn("wolframite::Connection::receive(", symbols)
            self.assertNotIn("kernel", symbols.lower())
        with self.subTest("Debian packages"):
            packages = self.scratch / "packages"
            run("cpack", "-G", "DEB", "--config", self.scratch / "shared" / "CPackConfig.cmake", "-B", packages)
            root = self.scratch / "root"
            for package in ("libwolframite0.1", "libwolframite-dev"):
                (found,) = packages.glob(f"{package}_*.deb")
                run("dpkg-deb", "-x", found, root)
            build = self.scratch / "packaged"
            self.configure(CONSUMER, build, "-DHOW=installed", "-DCOMPONENTS=epoll",
                           f"-DCMAKE_PREFIX_PATH={root / 'usr'}")
            run("cmake", "--build", build)
            self.assertIn("epoll: hello from outside", run(build / "use_epoll"))
        with self.subTest("static ones beside them"):
            self.install_static()
            build = self.scratch / "chosen"
            self.configure(CONSUMER, build, "-DHOW=installed", "-DCOMPONENTS=core", "-DBUILD_SHARED_LIBS=OFF",
                           f"-DCMAKE_PREFIX_PATH={self.prefix}")
            run("cmake", "--build", build)
            self.assertEqual(self.linked(build / "use_core"), [])


class InATree(Case):
    @unittest.skipUnless(WAY in ("subdirectory", "fetched"), "another way")
    def test_it(self):
        self.use_with_cmake(WAY, f"-DWOLFRAMITE_SOURCE={SOURCE}", *flags_of(BUILD))


def cache_of(build, name):
    for line in (pathlib.Path(build) / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.partition("=")[2]
    return ""


def flags_of(build):
    """The flags of a build, so that a compiler cache knows what it has compiled."""
    names = ["CMAKE_BUILD_TYPE", "CMAKE_CXX_FLAGS_RELEASE", "WOLFRAMITE_WERROR", "WOLFRAMITE_ASIO"]
    return [f"-D{name}={cache_of(build, name)}" for name in names if cache_of(build, name)]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
