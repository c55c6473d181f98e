"""Builds the tree that this file lies in: conan create packaging/conan (Conan 2)."""
import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, rmdir


class WolframiteConan(ConanFile):
    name = "wolframite"
    version = "0.1.0"
    license = "MIT"
    description = "A sans-I/O WebSocket library for C++20, with adapters for epoll, io_uring and Asio"
    topics = ("websocket", "rfc6455", "sans-io", "epoll", "io_uring", "asio")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "deflate": [True, False], "epoll": [True, False],
               "uring": [True, False], "asio": [True, False]}
    default_options = {"shared": False, "fPIC": True, "deflate": True, "epoll": True, "uring": False, "asio": False}

    # What each component needs: components of ours, then packages.
    needs = {"core": [], "common": ["core"], "epoll": ["common"], "uring": ["common"], "asio": ["common"]}

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..", "..")
        for pattern in ("CMakeLists.txt", "LICENSE", "core/*", "adapters/*", "packaging/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("wolframite's adapters need Linux")

    def configure(self):
        if self.options.shared:
            self.options.rm_safe("fPIC")

    def requirements(self):
        self.requires("openssl/[>=3 <4]")
        self.requires("tl-expected/[>=1.0]", transitive_headers=True)
        if self.options.deflate:
            self.requires("zlib/[>=1.2.11 <2]")
        if self.options.uring:
            self.requires("liburing/[>=2.3]")
        if self.options.asio:
            self.requires("asio/[>=1.22]", transitive_headers=True)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for name in ("deflate", "epoll", "uring", "asio"):
            toolchain.cache_variables[f"WOLFRAMITE_{name.upper()}"] = bool(self.options.get_safe(name))
        for name in ("TESTS", "EXAMPLES", "BENCH", "WERROR"):
            toolchain.cache_variables[f"WOLFRAMITE_{name}"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        for folder in ("cmake", "pkgconfig"):
            rmdir(self, os.path.join(self.package_folder, "lib", folder))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "wolframite")
        packages = {"core": ["openssl::crypto"] + (["zlib::zlib"] if self.options.deflate else []),
                    "common": ["openssl::ssl", "tl-expected::tl-expected"], "epoll": [],
                    "uring": ["liburing::liburing"], "asio": ["asio::asio"]}
        for name, ours in self.needs.items():
            if name not in ("core", "common") and not self.options.get_safe(name):
                continue
            component = self.cpp_info.components[name]
            component.libs = [f"wolframite_{name}"]
            component.requires = ours + packages[name]
            component.set_property("cmake_target_name", f"wolframite::{name}")
            component.set_property("pkg_config_name", f"wolframite-{name}")
            if name == "common":
                component.system_libs = ["pthread"]
