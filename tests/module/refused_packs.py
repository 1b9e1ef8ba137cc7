"""Everything that pack.py and wheels.py refuse: one wrong fact each, and what the refusal says.

Each case takes the two modules, so that the proof can run it with a rule that is neutralised.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts import pack, wheels
from tests.module.packages import build_wheel, make_request, tree

CHECKSUM = "--hash=sha256:" + "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """The two modules, as they are or with a rule that is neutralised."""

    pack: Any
    wheels: Any


ORIGINAL = Modules(pack=pack, wheels=wheels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A wrong fact: how it comes about, and what the refusal says."""

    name: str
    says: str
    run: Callable[[Modules, Path], object]


def make_sources(directory: Path, **fields: Any) -> Any:
    """Make a request for a source directory with one file."""
    source = tree(directory / "source", {"orders.py": ""})
    return make_request(source, directory / "out" / "function.zip", **fields)


def pack_with(**fields: Any) -> Callable[[Modules, Path], object]:
    """Pack one file with a wrong field in the request."""

    def run(modules: Modules, directory: Path) -> object:
        return modules.pack.pack(modules.pack.Request(**make_sources(directory, **fields)))

    return run


def set_limit(name: str, value: int) -> Callable[[Modules, Path], object]:
    """Pack one file with a small limit."""

    def run(modules: Modules, directory: Path) -> object:
        request = modules.pack.Request(**make_sources(directory))
        kept = getattr(modules.pack, name)
        setattr(modules.pack, name, value)
        try:
            return modules.pack.pack(request)
        finally:
            setattr(modules.pack, name, kept)

    return run


def pack_with_answer(answer: str) -> Callable[[Modules, Path], object]:
    """Pack with a wheels.py that is replaced by other lines of Python."""

    def run(modules: Modules, directory: Path) -> object:
        request = modules.pack.Request(**make_sources(directory, requirements="requirements.txt"))
        kept = modules.pack.__file__
        modules.pack.__file__ = str(tree(directory, {"wheels.py": answer}) / "pack.py")
        try:
            return modules.pack.pack(request)
        finally:
            modules.pack.__file__ = kept

    return run


def link_out(modules: Modules, directory: Path) -> object:
    """Pack a link that leads out."""
    request = make_sources(directory)
    tree(directory, {"secret.py": ""})
    (directory / "source" / "secret.py").symlink_to("../secret.py")
    return modules.pack.pack(modules.pack.Request(**request))


def name_badly(modules: Modules, directory: Path) -> object:
    """Pack a file whose name is not Unicode."""
    request = make_sources(directory)
    (directory / "source" / "caf\udce9.py").write_text("")
    return modules.pack.pack(modules.pack.Request(**request))


def read_wheel(
    files: dict[str, str] | bytes, own: str = "orders.py"
) -> Callable[[Modules, Path], object]:
    """Read a wheel that holds the files, or is these bytes."""

    def run(modules: Modules, directory: Path) -> object:
        wheel = build_wheel(directory, "shop", files={} if isinstance(files, bytes) else files)
        if isinstance(files, bytes):
            wheel.write_bytes(files)
        return modules.pack.read_wheels([wheel], {own: b""}, ["enum"])

    return run


def compress(modules: Modules, directory: Path) -> object:
    """Read a wheel with another compression."""
    wheel = build_wheel(directory, "shop", compression=zipfile.ZIP_LZMA)
    return modules.pack.read_wheels([wheel], {})


def fetch(
    lock: str | bytes,
    runtime: str = "python3.13",
    *,
    downloads: Callable[[Path], object] = lambda _: None,
    code: int = 0,
    output: tuple[str, ...] = (),
) -> Callable[[Modules, Path], object]:
    """Fetch a lock with a pip that makes some files, and says something."""

    def run(modules: Modules, directory: Path) -> object:
        tree(directory, {"requirements.txt": lock})

        def run_pip(arguments: list[str]) -> tuple[int, list[str]]:
            downloads(Path(arguments[arguments.index("--dest") + 1]))
            return code, list(output)

        kept = modules.wheels.run_pip
        modules.wheels.run_pip = run_pip
        try:
            target = modules.wheels.Target(runtime, "arm64")
            return modules.wheels.fetch(directory / "requirements.txt", directory / "out", target)
        finally:
            modules.wheels.run_pip = kept

    return run


def download(*needs: str, further: str = "", **fields: Any) -> Callable[[Path], object]:
    """Make the wheel of shop, which needs something, and maybe another one."""

    def run(folder: Path) -> None:
        build_wheel(folder, "shop", needs=needs, **fields)
        if further:
            build_wheel(folder, further)

    return run


def spoil(folder: Path) -> None:
    """Make a file that is not a wheel."""
    tree(folder, {"shop-1.0-py3-none-any.whl": "no zip"})


def misname(folder: Path) -> None:
    """Make a wheel whose name is not one of a wheel."""
    tree(folder, {"shop.whl": ""})


CASES = {
    name: Case(name=name, says=says, run=run)
    for name, says, run in [
        (
            "an_old_python",
            "is Python 3.7, and packing needs 3.8 or newer; install one",
            lambda modules, _: modules.pack.check_python((3, 7, 16)),
        ),
        (
            "no_request",
            "PACK is missing from the environment, or another version of",
            lambda modules, _: modules.pack.read_request({}),
        ),
        (
            "an_unknown_field",
            "PACK is missing from the environment, or another version of",
            lambda modules, _: modules.pack.read_request({"PACK": '{"other": 1}'}),
        ),
        ("no_directory", "there is no directory 'missing'", pack_with(source_dir="missing")),
        ("a_link_out", "which is outside or contains the link; copy the file instead", link_out),
        ("a_name_that_is_not_unicode", "is not Unicode; rename the file", name_badly),
        (
            "a_wrong_rule",
            "exclude '(' is not a regular expression of Python",
            pack_with(exclude="(", files_hash=""),
        ),
        ("other_files", "are not those that were planned", pack_with(files_hash="planned")),
        (
            "too_much_unpacked",
            "bytes unpacked, and Lambda allows 10; use fewer dependencies",
            set_limit("UNPACKED_LIMIT", 10),
        ),
        ("too_large_a_zip", "unpacked), and Lambda takes 10 directly", set_limit("ZIP_LIMIT", 10)),
        (
            "no_processor",
            "the zip holds no shop.py or shop/__init__.py, which processor names",
            pack_with(processor_files=["shop.py", "shop/__init__.py"]),
        ),
        ("a_refused_lock", "said here", pack_with_answer("""print('{"error": "said here"}')""")),
        ("a_failure", "wheels.py failed with exit code 3", pack_with_answer("raise SystemExit(3)")),
        ("a_wheel_that_leads_out", "'../x.py', which leads out", read_wheel({"../x.py": ""})),
        (
            "a_wheel_with_the_package",
            "holds idempotent_lambda, and the module adds that package for you",
            read_wheel({"idempotent_lambda/keys.py": ""}),
        ),
        (
            "a_wheel_with_a_file_of_the_sources",
            "the wheel shop-1.0-py3-none-any.whl holds 'orders.py', and one would hide the other",
            read_wheel({"orders.py": ""}),
        ),
        ("a_damaged_wheel", "shop-1.0-py3-none-any.whl is damaged", read_wheel(b"no zip")),
        (
            "a_wheel_with_a_module_of_python",
            "holds 'enum.py', which Python would import instead of the module in its standard",
            read_wheel({"enum.py": ""}),
        ),
        (
            "a_file_and_a_directory",
            "'shop' is a file and a directory in the zip, which then cannot be unpacked; remove",
            read_wheel({"shop": "", "shop/a.txt": ""}),
        ),
        ("another_compression", "'shop.py' in another compression than deflate", compress),
        ("no_pip", "has no usable pip, and dependencies", lambda m, _: m.wheels.check_pip("0")),
        ("an_old_pip", "has pip 21.2.4, and", lambda m, _: m.wheels.check_pip("21.2.4")),
        ("another_runtime", "not for 'nodejs22.x'", fetch("", "nodejs22.x")),
        ("no_text", "it is not UTF-8; save it as UTF-8", fetch(b"\xff\x00")),
        ("an_option", "line 1, '-e .': -e is not supported; leave", fetch("-e .")),
        ("a_quotation", "No closing quotation; close the quotation", fetch("-f 'x")),
        ("a_path", "line 2, './shop.whl': this is a URL, a path", fetch("\n./shop.whl")),
        ("a_url", "this is a URL, a path", fetch("shop @ https://example.com/shop")),
        ("no_pin", "line 1, 'shop>=1': this is not pinned to one version", fetch("shop>=1")),
        (
            "an_option_of_a_requirement",
            "--global-option is not supported; remove it",
            fetch("shop==1.0 --global-option=x"),
        ),
        (
            "a_marker_that_cannot_be_judged",
            "cannot be judged for python3.13 on arm64",
            fetch('shop==1.0 ; platform_release > "5"'),
        ),
        (
            "a_project_twice",
            "lines 1 and 2 both pin shop for python3.13 on arm64",
            fetch("shop==1.0\nShop==2.0", downloads=download()),
        ),
        (
            "a_line_without_hash",
            "line 2, shop: this has no --hash, and other lines do",
            fetch(
                f"cart==1.0 {CHECKSUM}\nshop==1.0\n",
                downloads=download(further="cart"),
            ),
        ),
        (
            "a_failure_of_pip",
            "no wheel of shop==1.0 for python3.13 on arm64",
            fetch(
                "shop==1.0",
                code=1,
                downloads=download(),
                output=("ERROR: No matching distribution found for shop==1.0",),
            ),
        ),
        (
            "another_wheel",
            "pip did not download what the file pins: cart",
            fetch("shop==1.0", downloads=download(further="cart")),
        ),
        (
            "a_wheel_with_a_wrong_name",
            "the name of the wheel 'shop.whl' is not a wheel's",
            fetch("shop==1.0", downloads=misname),
        ),
        ("no_metadata", "is damaged or has no METADATA", fetch("shop==1.0", downloads=spoil)),
        (
            "metadata_in_another_compression",
            "shop-1.0.dist-info/METADATA' in another compression than deflate",
            fetch("shop==1.0", downloads=download(compression=zipfile.ZIP_BZIP2)),
        ),
        (
            "too_much_metadata",
            "has METADATA of more than 10,000,000 bytes",
            fetch("shop==1.0", downloads=download(description="x" * 10_000_000)),
        ),
        (
            "an_incomplete_lock",
            "shop needs 'cart>=2' on python3.13 on arm64, and the file does not pin cart",
            fetch("shop==1.0", downloads=download("cart>=2")),
        ),
        (
            "a_lock_that_does_not_fit",
            "shop needs 'cart>=2', and the file pins cart 1.0",
            fetch("shop==1.0\ncart==1.0", downloads=download("cart>=2", further="cart")),
        ),
    ]
}
