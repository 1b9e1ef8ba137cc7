"""The parts of wheels that go into the zip, and the wheels that are refused."""

import os
import platform
import re
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import pack, wheels
from tests.module.locks import render_hash, run_packer, write_lock
from tests.module.packages import build_wheel, declare_size, make_request, pack_sources, tree
from tests.module.stacks import ROOT

EXAMPLE = ROOT / "examples" / "dependencies" / "src" / "requirements.txt"
READY = ROOT / ".wheels"


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("shop/a.py", "shop/a.py"),
        ("shop.libs/libx.so", "shop.libs/libx.so"),
        ("shop/.hidden", "shop/.hidden"),
        ("shop-1.0.data/purelib/shop/a.py", "shop/a.py"),
        ("shop-1.0.data/platlib/a.so", "a.so"),
        ("shop-1.0.data/scripts/shop", None),
        ("shop-1.0.data/headers/a.h", None),
        ("shop-1.0.data/data/etc/a", None),
        ("shop-1.0.data", None),
        ("shop.data/a.py", "shop.data/a.py"),
        ("shop/__pycache__/a.cpython-313.pyc", None),
        ("shop/__pycache__/a", None),
        ("shop/a.pyc", None),
        ("shop/", None),
        ("shop-1.0.dist-info/METADATA", "shop-1.0.dist-info/METADATA"),
    ],
)
def test_a_file_of_a_wheel_has_its_place(entry: str, place: str | None) -> None:
    """Modules go to the top, with metadata; scripts, headers, data and bytecode are left out."""
    assert pack.place_in_zip(entry) == place


@pytest.mark.parametrize(
    "entry",
    [
        *("../x.py", "/x.py", "a/../../x.py", "a/./x.py", "a//x.py", "..\\x.py", "C:/x.py"),
        *("..", "../", "a-1.data/purelib/../x.py", "a-1.data/scripts/../../x"),
    ],
)
def test_a_wheel_that_leads_out_is_refused(tmp_path: Path, entry: str) -> None:
    """No path of a wheel is absolute, goes up, or is written in another way than it must be."""
    wheel = build_wheel(tmp_path, "shop", files={entry: ""})
    with pytest.raises(pack.PackError, match="which leads out of the zip"):
        pack.read_wheels([wheel], {})


@pytest.mark.parametrize(
    "entry",
    [
        *("idempotent_lambda.py", "idempotent_lambda.abi3.so", "idempotent_lambda/a.py"),
        "a-1.data/purelib/idempotent_lambda/a.py",
    ],
)
def test_a_wheel_with_the_package_is_refused(tmp_path: Path, entry: str) -> None:
    """The package is the module's own version, wherever a wheel puts another one."""
    wheel = build_wheel(tmp_path, "shop", files={entry: ""})
    with pytest.raises(pack.PackError, match=r"shop-1\.0-.+ holds idempotent_lambda"):
        pack.read_wheels([wheel], {})


def test_bytes_of_wheels_stay(tmp_path: Path) -> None:
    """Text in wheels keeps its line ends."""
    wheel = build_wheel(tmp_path, "shop", files={"shop.py": b"a = 1\r\n"})
    assert pack.read_wheels([wheel], {})["shop.py"] == b"a = 1\r\n"


@pytest.mark.slow
def test_wheels_may_share_files(index: Path, tmp_path: Path) -> None:
    """Of two different files with one path the first project's is packed, and a line says so."""
    build_wheel(index, "Zoo", files={"same.py": "1", "other.py": "zoo"})
    build_wheel(index, "apple", files={"same.py": "1", "other.py": "apple"})
    source = tree(tmp_path / "source", {"orders.py": ""})
    lock = write_lock(tmp_path, "Zoo==1.0", "apple==1.0")
    zipped = tmp_path / "out" / "function.zip"
    done = run_packer(make_request(source, zipped, requirements=str(lock)))
    archive = zipfile.ZipFile(zipped)
    assert (archive.read("same.py"), archive.read("other.py")) == (b"1", b"apple")
    assert done.stdout.splitlines()[-1] == (
        "apple-1.0-py3-none-any.whl and Zoo-1.0-py3-none-any.whl hold different files 'other.py'; "
        "the zip gets the one of the first"
    )
    assert "same.py" not in done.stdout


def test_a_wheel_with_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A wheel whose bytes do not fit its checksums is refused by its name."""
    wheel = build_wheel(tmp_path, "shop")
    build_wheel(tmp_path, "zoo")
    wheel.write_bytes(wheel.read_bytes().replace(b"VERSION", b"VERSIOM"))
    with pytest.raises(pack.PackError, match=r"the wheel shop-1\.0-.+ is damaged"):
        pack.read_wheels(sorted(tmp_path.glob("*.whl")), {})


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("size", [0, 1, 999_999, 1_000_001])
def test_a_wheel_with_another_size_than_it_declares_is_refused(
    tmp_path: Path, compression: int, size: int
) -> None:
    """A file is never longer or shorter than the size that the limit was compared with."""
    files = {"shop.py": "#" * 1_000_000}
    wheel = build_wheel(tmp_path, "shop", files=files, compression=compression)
    assert len(pack.read_wheels([wheel], {})["shop.py"]) == 1_000_000
    declare_size(wheel, "shop.py", size)
    with pytest.raises(pack.PackError, match=r"the wheel shop-1\.0-.+ is damaged"):
        pack.read_wheels([wheel], {})


def test_a_wheel_with_a_wrong_directory_is_refused(tmp_path: Path) -> None:
    """A file that would start before the wheel is damage of the wheel, which is named."""
    wheel = build_wheel(tmp_path, "shop")
    raw = bytearray(wheel.read_bytes())
    raw[-6:-2] = b"\xff\xff\xff\x00"  # where the directory starts
    wheel.write_bytes(raw)
    with pytest.raises(pack.PackError, match=r"the wheel shop-1\.0-.+ is damaged"):
        pack.read_wheels([wheel], {})
    with pytest.raises(wheels.LockError, match=r"the wheel shop-1\.0-.+ is damaged"):
        wheels.read_metadata(wheel)


def measure_memory(run: Callable[[], object]) -> int:
    """Measure the most bytes of memory that a call takes at once."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_wheel_takes_no_more_memory_than_it_declares(tmp_path: Path) -> None:
    """The packer stops after the declared size, and does not unpack the rest."""
    files = {"shop.py": "#" * 50_000_000}
    wheel = build_wheel(tmp_path, "shop", files=files, compression=zipfile.ZIP_DEFLATED)
    declare_size(wheel, "shop.py", 10)

    def run() -> None:
        with pytest.raises(pack.PackError, match="is damaged"):
            pack.read_wheels([wheel], {})

    assert measure_memory(run) < 5_000_000


def test_different_files_of_wheels_are_not_unpacked_to_compare_them(tmp_path: Path) -> None:
    """Two files of different sizes differ: the one that is not packed is not read."""
    first = build_wheel(tmp_path, "apple", files={"same.py": ""})
    files = {"same.py": "#" * 50_000_000}
    other = build_wheel(tmp_path, "zoo", files=files, compression=zipfile.ZIP_DEFLATED)
    assert measure_memory(lambda: pack.read_wheels([first, other], {})) < 5_000_000


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("damaged", [False, True])
def test_a_wheel_with_another_compression_is_refused(
    tmp_path: Path, compression: int, damaged: bool
) -> None:
    """Only the compressions that pip itself always has are unpacked."""
    wheel = build_wheel(tmp_path, "shop", files={"shop.py": "#" * 500}, compression=compression)
    if damaged:
        wheel.write_bytes(wheel.read_bytes().replace(b"#", b"-").replace(b"]\x00", b"\xff\xff"))
    said = r"the wheel shop-1\.0-.+ holds '.+' in another compression than deflate; choose another"
    with pytest.raises(pack.PackError, match=said):
        pack.read_wheels([wheel], {})
    with pytest.raises(wheels.LockError, match=said):
        wheels.read_metadata(wheel)


@pytest.mark.parametrize(("size", "accepted"), [(10_000_000, True), (10_000_001, False)])
def test_metadata_has_a_limit(tmp_path: Path, size: int, accepted: bool) -> None:
    """METADATA of exactly the limit is read, and longer ones are not, whatever they declare."""
    files = {"a-0.dist-info/METADATA": "#" * size}
    wheel = build_wheel(tmp_path, "shop", files=files, compression=zipfile.ZIP_DEFLATED)
    if accepted:
        wheels.read_metadata(wheel)
        return
    with pytest.raises(
        wheels.LockError, match=r"has METADATA of more than 10,000,000 bytes; choose"
    ):
        wheels.read_metadata(wheel)


def test_metadata_takes_no_more_memory_than_the_limit(tmp_path: Path) -> None:
    """METADATA is not unpacked beyond the limit, whatever it declares."""
    files = {"a-0.dist-info/METADATA": "#" * 100_000_000}
    wheel = build_wheel(tmp_path, "shop", files=files, compression=zipfile.ZIP_DEFLATED)
    declare_size(wheel, "a-0.dist-info/METADATA", 10)

    def run() -> None:
        with pytest.raises(wheels.LockError, match="has METADATA of more than 10,000,000 bytes"):
            wheels.read_metadata(wheel)

    assert measure_memory(run) < 50_000_000


@pytest.mark.parametrize(("limit", "accepted"), [(1, True), (0, False)])
def test_wheels_count_for_the_unpacked_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, accepted: bool
) -> None:
    """The files of wheels and sources count unpacked, before a wheel's file is read."""
    wheel = build_wheel(tmp_path, "shop")
    size = sum(entry.file_size for entry in zipfile.ZipFile(wheel).infolist())
    monkeypatch.setattr(pack, "UNPACKED_LIMIT", size + limit)
    if accepted:
        assert "shop.py" in pack.read_wheels([wheel], {"orders.py": b"1"})
        return
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("read"))
    with pytest.raises(pack.PackError, match="use fewer dependencies, or build an image"):
        pack.read_wheels([wheel], {"orders.py": b"1"})


COMPILED = "cpython-313-x86_64-linux-gnu.so"


@pytest.mark.slow
@pytest.mark.parametrize(
    "entry",
    [
        *("enum.py", "queue.abi3.so", "a-1.data/purelib/typing.py"),
        *(
            pytest.param(each, marks=pytest.mark.extended)
            for each in ("enum/__init__.py", f"queue.{COMPILED}", "queue.so", "typing/__init__.so")
        ),
    ],
)
def test_a_wheel_with_a_module_of_python_is_refused(
    index: Path, tmp_path: Path, entry: str
) -> None:
    """Python would import the wheel's module instead of the one in its standard library."""
    build_wheel(index, "shop", files={entry: ""})
    source = tree(tmp_path / "source", {"orders.py": ""})
    lock = write_lock(tmp_path, "shop==1.0")
    said = rf"shop-1\.0-.+ holds '{pack.place_in_zip(entry)}', which Python would import instead"
    with pytest.raises(pack.PackError, match=said):
        pack_sources(source, tmp_path / "out" / "function.zip", requirements=str(lock))


@pytest.mark.parametrize(
    "entry",
    ["shop/enum.py", "enum34.py", "enum.pyi", "enum.txt", "queue", "enum/a.py", "queue.libs/a.so"],
)
def test_a_wheel_without_a_module_of_python_is_accepted(tmp_path: Path, entry: str) -> None:
    """Files below the top, and files that are not modules, hide nothing."""
    wheel = build_wheel(tmp_path, "shop", files={entry: ""})
    assert entry in pack.read_wheels([wheel], {}, ["enum", "queue"])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("shop.py", "shop.py"),
        ("shop.py", "shop/__init__.py"),
        ("shop/__init__.py", "shop.py"),
        ("shop/__init__.py", "shop/__init__.abi3.so"),
        ("shop.py", f"shop.{COMPILED}"),
        ("shop.py", "shop.abi3.so"),
        ("shop.so", "shop/__init__.py"),
        ("shop/__init__.py", "shop.so"),
        ("shop/orders.py", f"shop/orders.{COMPILED}"),
        ("utils/a.py", "utils.py"),
        ("utils/deep/a.py", f"utils.{COMPILED}"),
        ("utils.py", "utils/a.py"),
        ("utils.py", "utils/deep/a.abi3.so"),
        ("shop/utils/a.py", "shop/utils.py"),
        ("data/a.txt", "data/a.txt"),
    ],
)
def test_sources_and_wheels_hide_nothing(tmp_path: Path, ours: str, theirs: str) -> None:
    """A wheel may not hold a file of the sources, or a module of the same name."""
    wheel = build_wheel(tmp_path, "shop", files={theirs: ""})
    said = f"holds {ours!r} and the wheel {wheel.name} holds {theirs!r}, and one would hide"
    with pytest.raises(pack.PackError, match=re.escape(said)):
        pack.read_wheels([wheel], {ours: b""})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("shop/a.py", "shop/__init__.py"),
        ("shop/__init__.py", "shop/a.py"),
        ("shop/a.py", "shop/b.py"),
        ("shop/a.py", "cart/a.py"),
        ("data/a.txt", "data/b.txt"),
        ("data/a.txt", "data.py"),
        ("data.py", "data/a.txt"),
        ("data.txt", "data.py"),
        ("data", "data.py"),
        ("shop.py", "shop.pyi"),
    ],
)
def test_sources_and_wheels_may_share_a_directory(tmp_path: Path, ours: str, theirs: str) -> None:
    """Files that Python finds under different names, or that are not modules, are both packed."""
    wheel = build_wheel(tmp_path, "shop", files={theirs: ""})
    assert theirs in pack.read_wheels([wheel], {ours: b""})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["orders"], ["orders/a.txt"]),
        (["orders/deep/a.txt"], ["orders"]),
        (["orders/deep/a.txt"], ["orders/deep"]),
        ([], ["orders", "orders/a.py"]),
    ],
)
def test_a_file_is_not_a_directory_too(tmp_path: Path, ours: list[str], theirs: list[str]) -> None:
    """A zip with a file and a directory of one name cannot be unpacked, and is refused."""
    for number, name in enumerate(theirs):
        build_wheel(tmp_path, f"shop{number}", files={name: ""})
    files = sorted(tmp_path.glob("*.whl"))
    with pytest.raises(
        pack.PackError, match=r"shop\d-1\.0-.+ 'orders.*' is a file and a directory"
    ):
        pack.read_wheels(files, dict.fromkeys(ours, b""))


@pytest.mark.slow
def test_a_lock_gives_the_same_zip_twice(index: Path, tmp_path: Path) -> None:
    """The same lock gives the same bytes, from another download too; hashes are honoured."""
    shop = build_wheel(index, "Shop", files={"shop/__init__.py": "", "shop/data.bin": b"\xff\r\n"})
    cart = build_wheel(index, "cart", needs=["shop"])
    source = tree(tmp_path / "source", {"orders.py": ""})
    lock = write_lock(tmp_path, f"shop==1.0 {render_hash(shop)}", f"cart==1.0 {render_hash(cart)}")
    zips = [
        pack_sources(source, tmp_path / out / "function.zip", requirements=str(lock))
        for out in ("one", "two")
    ]
    assert zips[0].read_bytes() == zips[1].read_bytes()
    archive = zipfile.ZipFile(zips[0])
    modes = {entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {0o100755}
    assert {"cart.py", "shop/data.bin", "Shop-1.0.dist-info/METADATA", "orders.py"} <= set(
        archive.namelist()
    )
    assert archive.read("shop/data.bin") == b"\xff\r\n"


@pytest.mark.slow
def test_a_processor_may_come_with_a_wheel(index: Path, tmp_path: Path) -> None:
    """The processor's module may be one of a dependency."""
    build_wheel(index, "shop")
    source = tree(tmp_path / "source", {"orders.py": ""})
    lock = write_lock(tmp_path, "shop==1.0")
    pack_sources(
        source, tmp_path / "out" / "f.zip", requirements=str(lock), processor_files=["shop.py"]
    )


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real wheels, which the set-up has downloaded."""
    assert (READY / ".ready").exists(), "run make .wheels/.ready"
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(READY))


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
def test_the_example_is_packed_for_lambda(tmp_path: Path) -> None:
    """The example's lock gives the compiled wheel of the runtime, not of this machine."""
    source = tree(tmp_path / "source", {"orders.py": ""})
    zipped = pack_sources(source, tmp_path / "out" / "function.zip", requirements=str(EXAMPLE))
    compiled = [name for name in zipfile.ZipFile(zipped).namelist() if name.endswith(".so")]
    assert compiled == ["markupsafe/_speedups.cpython-313-aarch64-linux-gnu.so"]


@pytest.mark.slow
@pytest.mark.usefixtures("ready")
@pytest.mark.skipif(sys.platform != "linux", reason="the wheels are for Linux")
def test_what_is_packed_runs(tmp_path: Path) -> None:
    """Unpacked, the dependencies are imported and rendered, compiled parts and metadata too."""
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    here = {"runtime": f"python3.{sys.version_info.minor}", "architecture": machine}
    source = tree(tmp_path / "source", {"orders.py": ""})
    zipped = pack_sources(
        source, tmp_path / "out" / "function.zip", requirements=str(EXAMPLE), **here
    )
    zipfile.ZipFile(zipped).extractall(tmp_path / "task")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'task')!r}); import markupsafe._speedups;"
        "import jinja2, importlib.metadata as m; print(m.version('markupsafe'), "
        "jinja2.Template('{{ a|e }}').render(a='<'))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "3.0.3 &lt;\n"
