"""Dependencies: the wheels of a complete lock, for the target, verified, the same every time."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scripts import pack, wheels
from scripts.wheels import Target
from tests.module.packages import build_wheel, declare_size, make_request, pack_sources, tree
from tests.module.stacks import ROOT

ARM = Target("python3.13", "arm64")
INTEL = Target("python3.13", "x86_64")
EXAMPLE = ROOT / "examples" / "dependencies" / "src" / "requirements.txt"
READY = ROOT / ".wheels"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all that pip finds."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")  # as some users have it
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def write_lock(directory: Path, *lines: str) -> Path:
    """Write a lock."""
    return tree(directory / "src", {"requirements.txt": "\n".join(lines)}) / "requirements.txt"


def render_hash(wheel: Path) -> str:
    """Render the option with a wheel's hash."""
    return f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def fetch(lock: Path, directory: Path, target: Target = ARM) -> list[str]:
    """Fetch a lock's wheels; their names."""
    return sorted(path.name for path in wheels.fetch(lock, directory, target).glob("*.whl"))


def parse(text: str | bytes) -> list[str]:
    """Parse a lock; its lines for pip."""
    raw = text.encode() if isinstance(text, str) else text
    options, pins = wheels.parse_lock(wheels.decode_lock(raw), Path("src"))
    return [*options, *(pin.render() for pin in wheels.select_pins(pins, ARM))]


LOCK = (
    "# made by a tool\n\nJinja2[i18n]==3.1.6 ; python_version >= '3.8' \\\n"
    "    --hash=sha256:aa \\\n    --hash sha256:bb  # both\n    # via -r requirements.in\n"
    "zope.Interface===7.0 # the last\n"
)


@pytest.mark.parametrize(
    "raw",
    [
        LOCK.encode(),
        LOCK.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + LOCK.encode(),
        LOCK.encode("utf-16"),
        LOCK.replace("Jinja2", "JINJA2").replace("zope.Interface", "Zope__interface").encode(),
        LOCK.rstrip("\n").encode(),
    ],
    ids=["LF", "CRLF", "BOM", "UTF-16", "spelling", "no end"],
)
def test_a_lock_is_read_however_it_is_written(raw: bytes) -> None:
    """Comments, continued lines, line ends, marks and spellings do not change what is pinned."""
    with pytest.raises(wheels.LockError, match="line 7, zope-interface: this has no --hash"):
        parse(raw)
    _, pins = wheels.parse_lock(wheels.decode_lock(raw), Path("src"))
    assert [(pin.line, pin.render()) for pin in pins] == [
        (3, "jinja2[i18n]==3.1.6 --hash=sha256:aa --hash=sha256:bb"),
        (7, "zope-interface===7.0"),
    ]


def test_a_comment_ends_a_continued_line() -> None:
    """A comment line between continued lines ends them, as it does for pip."""
    assert parse("a==1 \\\n# note \\\nb==2") == ["a==1", "b==2"]


@pytest.mark.parametrize(
    ("line", "rendered_text"),
    [
        ("--index-url https://example.com/simple", ["--index-url https://example.com/simple"]),
        ("-i https://example.com/simple", ["--index-url https://example.com/simple"]),
        ("-ihttps://example.com/?a=b", ["--index-url 'https://example.com/?a=b'"]),
        ("--extra-index-url=https://u:${KEY}@example.com", ["--extra-index-url 'https://u:${KEY}@example.com'"]),
        ("--find-links wheels", ["--find-links src/wheels"]),
        ("-f './my wheels'", ["--find-links 'src/my wheels'"]),
        ("--find-links=/opt/wheels", ["--find-links /opt/wheels"]),
        ("--find-links https://example.com/x", ["--find-links https://example.com/x"]),
        ("--find-links ~/x", [f"--find-links {Path('~/x').expanduser()}"]),
        ("--find-links ${WHEELS}/x", ["--find-links '${WHEELS}/x'"]),
        ("--no-index --trusted-host example.com", ["--no-index", "--trusted-host example.com"]),
        ("--pre", ["--pre"]),
        ("--prefer-binary", ["--prefer-binary"]),
        ("--require-hashes", ["--require-hashes"]),
        ("--only-binary :none:", []),
        ("--only-binary=:all:", []),
    ],
)  # fmt: skip
def test_the_options_of_the_index_are_passed_on(line: str, rendered_text: list[str]) -> None:
    """The user chooses the index, and cannot choose to build a source distribution."""
    assert parse(line) == rendered_text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-r other.txt", "-r is not supported; write that file's lines here"),
        ("--requirement=other.txt", "-r is not supported"),
        ("-rother.txt", "-r is not supported"),
        ("-c other.txt", "-c is not supported; write the versions here"),
        ("--constraint other.txt", "-c is not supported"),
        ("-e .", "-e is not supported; leave your own project out"),
        ("--editable=.", "-e is not supported"),
        ("--no-binary :all:", "--no-binary is not supported; remove it"),
        ("--no-binary=shop", "--no-binary is not supported"),
        ("--unknown", "--unknown is not supported; remove it"),
        ("git+https://example.com/shop.git", "this is a URL, a path or not a requirement"),
        ("https://example.com/shop-1.0-py3-none-any.whl", "this is a URL, a path"),
        ("./shop-1.0-py3-none-any.whl", "this is a URL, a path"),
        ("../shop", "this is a URL, a path"),
        ("shop @ file:///shop.whl", "this is a URL, a path"),
        ("shop @ git+https://example.com/shop", "this is a URL, a path"),
        ("shop-1.0-py3-none-any.whl", "this is not pinned to one version"),
        ("shop", "this is not pinned to one version with ==; write shop==VERSION"),
        ("shop>=1", "this is not pinned"),
        ("shop~=1.0", "this is not pinned"),
        ("shop==1.*", "this is not pinned"),
        ("shop==1.0,<2", "this is not pinned"),
        ("shop==1.0 --hash", "--hash is not supported"),
        ("shop==1.0 --hash=sha256:aa -e .", "-e is not supported"),
        ("shop==1.0 --config-settings x=y", "--config-settings is not supported"),
        ("shop==", "this is "),  # by the release of packaging one of two
    ],
)
@pytest.mark.filterwarnings("ignore:Creating a LegacyVersion:DeprecationWarning")
def test_a_line_that_is_not_a_pin_is_refused(line: str, says: str) -> None:
    """Each refusal names the line's number, the line, the rule and what to do."""
    with pytest.raises(wheels.LockError, match=r"^line 2, ") as refusal:
        parse(f"# first\n{line}\n")
    assert says in str(refusal.value)
    assert line.partition(" --config")[0] in str(refusal.value)


@pytest.mark.parametrize(
    ("marker", "contains"),
    [
        ("sys_platform == 'linux'", True),
        ("sys_platform == 'win32' or os_name == 'nt'", False),
        ("platform_system == 'Linux' and os_name == 'posix'", True),
        ("platform_machine == 'aarch64'", True),
        ("platform_machine == 'arm64'", False),
        ("platform_machine == 'x86_64'", False),
        ("platform_python_implementation == 'CPython'", True),
        ("implementation_name == 'pypy'", False),
        ("python_version == '3.13'", True),
        ("python_version < '3.9'", False),
        ("python_version >= '3.9' and python_version < '4'", True),
        ("python_full_version < '3.13.1'", False),
        ("python_full_version >= '3.13.1'", True),
        ("implementation_version >= '3.13.1'", True),
        ("extra == 'test'", False),
        ("platform_release >= '20.0' and sys_platform == 'darwin'", False),
        ("platform_release >= '20.0' or sys_platform == 'linux'", True),
    ],
)
def test_markers_are_judged_for_the_target(marker: str, contains: bool) -> None:
    """A marker holds as on Lambda, wherever terraform runs, with the newest patch release."""
    assert parse(f"shop==1.0 ; {marker}") == (["shop==1.0"] if contains else [])


def test_a_project_may_be_pinned_twice_for_different_targets() -> None:
    """Two pins of one project are fine while their markers exclude each other."""
    lines = "shop==1.0 ; python_version < '3.13'\nShop==2.0 ; python_version >= '3.13'"
    assert parse(lines) == ["shop==2.0"]


@pytest.mark.parametrize(
    ("target", "first", "last", "count"),
    [
        (Target("python3.11", "arm64"), "manylinux_2_26_aarch64", "manylinux2014_aarch64", 11),
        (Target("python3.12", "arm64"), "manylinux_2_34_aarch64", "manylinux2014_aarch64", 19),
        (Target("python3.11", "x86_64"), "manylinux_2_26_x86_64", "manylinux1_x86_64", 25),
        (Target("python3.14", "x86_64"), "manylinux_2_34_x86_64", "manylinux1_x86_64", 33),
    ],
)
def test_the_platforms_are_the_runtimes(target: Target, first: str, last: str, count: int) -> None:
    """The tags go from the runtime's glibc down to the oldest of manylinux, with its old names."""
    platforms = wheels.list_platforms(target)
    assert (platforms[0], platforms[-1], len(platforms)) == (first, last, count)
    assert len(set(platforms)) == count


TAKEN = [
    *("cp313-cp313-manylinux_2_34_x86_64", "cp313-cp313-manylinux_2_17_x86_64"),
    *("cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp313-cp313-manylinux2014_x86_64"),
    *("cp313-cp313-manylinux2010_x86_64", "cp313-cp313-manylinux1_x86_64"),
    *("cp313-cp313-manylinux_2_5_x86_64", "cp313-abi3-manylinux_2_28_x86_64"),
    *("cp38-abi3-manylinux_2_28_x86_64", "cp313-none-manylinux_2_28_x86_64"),
    *("py3-none-manylinux_2_28_x86_64", "py313-none-any", "cp313-none-any", "py2.py3-none-any"),
]
NEVER = [
    *("cp313-cp313-manylinux_2_35_x86_64", "cp313-cp313-manylinux_2_28_aarch64"),
    *("cp313-cp313-musllinux_1_2_x86_64", "cp313-cp313-macosx_11_0_x86_64"),
    *("cp313-cp313-macosx_10_9_universal2", "cp313-cp313-win_amd64", "cp313-cp313-linux_x86_64"),
    *("cp312-cp312-manylinux_2_17_x86_64", "cp314-abi3-manylinux_2_17_x86_64"),
    *("cp313-cp313t-manylinux_2_17_x86_64", "pp310-pypy310_pp73-manylinux_2_17_x86_64"),
]


def test_pip_takes_the_wheels_of_the_target_only(index: Path, tmp_path: Path) -> None:
    """Each tag that the runtime takes is preferred to plain Python, and no other tag is."""
    for tags, name in ((TAKEN, "taken"), (NEVER, "never")):
        for number, tag in enumerate(tags):
            build_wheel(index, f"{name}{number}", tag=tag)
            if not tag.endswith("any"):
                build_wheel(index, f"{name}{number}", tag="py3-none-any")
    pins = [f"taken{n}==1.0" for n in range(len(TAKEN))]
    pins += [f"never{n}==1.0" for n in range(len(NEVER))]
    lock = write_lock(tmp_path, *pins)
    assert fetch(lock, tmp_path / "out", INTEL) == sorted(
        [
            *(f"taken{number}-1.0-{tag}.whl" for number, tag in enumerate(TAKEN)),
            *(f"never{number}-1.0-py3-none-any.whl" for number in range(len(NEVER))),
        ]
    )


def test_the_python_that_packs_decides_nothing() -> None:
    """The implementation and its ABI are the target's, also where PyPy or python3.13t packs."""
    arguments = wheels.list_pip_arguments(ARM, Path("folder"))
    pairs = set(pairwise(arguments))
    assert {("--implementation", "cp"), ("--abi", "cp313"), ("--python-version", "3.13")} <= pairs


def test_the_old_runtime_has_the_old_glibc(index: Path, tmp_path: Path) -> None:
    """On python3.11 a wheel for glibc 2.26 is taken, and one for 2.27 never."""
    for number, glibc in enumerate((26, 27)):
        build_wheel(index, f"shop{number}", tag=f"cp311-cp311-manylinux_2_{glibc}_aarch64")
        build_wheel(index, f"shop{number}", tag="py3-none-any")
    lock = write_lock(tmp_path, "shop0==1.0", "shop1==1.0")
    assert fetch(lock, tmp_path / "out", Target("python3.11", "arm64")) == [
        "shop0-1.0-cp311-cp311-manylinux_2_26_aarch64.whl",
        "shop1-1.0-py3-none-any.whl",
    ]


def run(request: dict[str, Any], directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the packer as Terraform does, in a directory."""
    return subprocess.run(
        [sys.executable, "-I", str(ROOT / "scripts" / "pack.py"), "Packs orders."],
        env={**os.environ, "PACK": json.dumps(request)},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ["shop==2.0"],
            [
                "no wheel of shop==2.0 for python3.13 on arm64",
                "pip: ERROR: Could not find a version that satisfies the requirement shop==2.0",
            ],
        ),
        (["native==1.0"], ["no wheel of native==1.0 for python3.13 on arm64"]),
        (
            [f"shop==1.0 --hash=sha256:{'0' * 64}"],
            ["a downloaded wheel has none of the hashes in the file", "Expected sha256 0000"],
        ),
        (
            ["--no-index", "shop==1.0 --hash=sha1:1"],
            ["pip could not download the wheels", "--hash"],
        ),
        (["shop==1.0", "-r other.txt"], ["line 2, '-r other.txt': -r is not supported"]),
    ],
)
def test_a_failure_is_one_line(
    index: Path, tmp_path: Path, lines: list[str], says: list[str]
) -> None:
    """The line names the lock, the reason and pip's words, and nothing is left."""
    build_wheel(index, "shop")
    build_wheel(index, "native", tag="cp313-cp313-win_amd64")
    source = tree(tmp_path / "source", {"orders.py": ""})
    lock = write_lock(tmp_path, *lines)
    request = make_request(source, tmp_path / "out" / "function.zip", requirements=str(lock))
    done = run(request)
    (error,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert error.startswith(f"Cannot pack code.source_dir: {lock}: ")
    assert [words for words in says if words not in error] == []
    assert "(from -r" not in error
    assert not list((tmp_path / "out").iterdir())


SECRETS = "https://user:SECRET@example.com/a https://SECRET@example.com/b"


def test_credentials_are_hidden_in_an_error(tmp_path: Path) -> None:
    """A refused line of the lock is shown without the credentials in it."""
    lock = write_lock(tmp_path, f"--proxy {SECRETS}")
    source = tree(tmp_path / "source", {"orders.py": ""})
    done = run(make_request(source, tmp_path / "out" / "function.zip", requirements=str(lock)))
    assert "SECRET" not in done.stderr + done.stdout
    assert "'--proxy https://***@example.com/a https://***@example.com/b'" in done.stderr


@pytest.mark.parametrize("length", range(500, 620, 5))
def test_credentials_are_hidden_in_progress_and_in_what_pip_says(
    tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Credentials are hidden in lines of progress, and never cut before the sign that ends them."""
    said = wheels.explain_failure([f"ERROR: {'x' * length} {SECRETS}"], ARM)
    answer = f"print('Downloading {SECRETS}'); print({json.dumps({'error': said})!r})"
    scripts = tree(tmp_path / "scripts", {"wheels.py": answer})
    monkeypatch.setattr(pack, "__file__", str(scripts / "pack.py"))
    source = tree(tmp_path / "source", {"orders.py": ""})
    request = make_request(source, tmp_path / "out" / "function.zip", requirements="lock")
    monkeypatch.setenv("PACK", json.dumps(request))
    assert pack.main() == 1
    printed = capsys.readouterr()
    assert "SECRET" not in printed.out + printed.err
    assert printed.out == "Downloading https://***@example.com/a https://***@example.com/b\n"


def test_no_network_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that nobody reaches is not taken for a missing wheel."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    lock = write_lock(tmp_path, "shop==1.0")
    with pytest.raises(wheels.LockError, match="the package index could not be reached") as refusal:
        wheels.fetch(lock, tmp_path / "out", ARM)
    assert "pip: ERROR: Could not find a version" in str(refusal.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "the package index asks for a login"), (403, "or does not let you see it")],
)
def test_an_index_that_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    """Without a login, the message is about the login and not about the wheel alone."""

    class Closed(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("WWW-Authenticate", 'Basic realm="wheels"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        monkeypatch.setenv("PIP_NO_INDEX", "0")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
        with pytest.raises(wheels.LockError, match=said):
            fetch(write_lock(tmp_path, "shop==1.0"), tmp_path / "out")
        server.shutdown()


def test_a_wheel_of_a_folder_that_is_built_again_is_taken(tmp_path: Path) -> None:
    """A folder of wheels that the lock names is read each time: no version tells a new build."""
    folder = tmp_path / "built"
    lock = write_lock(tmp_path, "--no-index", f"--find-links {folder}", "shop==1.0")
    build_wheel(folder, "shop", files={"shop.py": "one"})
    (before,) = wheels.fetch(lock, tmp_path / "out", ARM).glob("*.whl")
    build_wheel(folder, "shop", files={"shop.py": "two"})
    (after,) = wheels.fetch(lock, tmp_path / "out", ARM).glob("*.whl")
    assert zipfile.ZipFile(before).read("shop.py") == b"one"
    assert zipfile.ZipFile(after).read("shop.py") == b"two"


def test_a_missing_lock_is_one_line(tmp_path: Path) -> None:
    """A lock that is not there is named."""
    source = tree(tmp_path / "source", {"orders.py": ""})
    request = make_request(source, tmp_path / "out" / "f.zip", requirements="missing.txt")
    (error,) = run(request).stderr.splitlines()
    assert "No such file or directory: 'missing.txt'" in error


def test_a_python_without_pip_is_one_line(tmp_path: Path) -> None:
    """Where pip is missing, the line says for which python3 to install it."""
    code = (
        "import runpy, sys; sys.modules['pip'] = None; sys.argv[1:] = ['r.txt', '.', '', '']; "
        f"runpy.run_path({str(ROOT / 'scripts' / 'wheels.py')!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    said = (
        f"{sys.executable} has no usable pip, and dependencies need pip 21.3 or newer; "
        "install it into the environment of this python, or name the python of a virtual "
        "environment in code.python"
    )
    assert said in done.stdout


@pytest.mark.parametrize("version", ["21.3", "21.3.1", "22.0.4", "24.2", "26.3", "25.0.dev0"])
def test_a_new_enough_pip_is_accepted(version: str) -> None:
    """Versions are compared as numbers."""
    wheels.check_pip(version)


def test_pip_imports_nothing_from_here(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue.py or a pip in the directory where terraform runs is not run."""
    build_wheel(index, "shop")
    trap = "raise SystemExit('imported from the working directory')"
    here = tree(tmp_path / "here", {"queue.py": trap, "pip/__init__.py": trap, "zipfile.py": trap})
    monkeypatch.setenv("PYTHONPATH", str(here))
    lock = write_lock(tmp_path, "shop==1.0")
    request = make_request(
        tree(tmp_path / "source", {"orders.py": ""}),
        tmp_path / "out" / "function.zip",
        requirements=str(lock),
    )
    done = run(request, here)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == f"Downloading the wheels of {lock} for {ARM}: 1.\n"


def test_find_links_start_at_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative --find-links is below the lock's directory, wherever terraform runs."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    build_wheel(tmp_path / "src" / "my wheels", "shop")
    lock = write_lock(tmp_path, "--no-index", "-f 'my wheels'", "shop==1.0")
    monkeypatch.chdir(tmp_path)
    relative = lock.relative_to(tmp_path)
    assert fetch(relative, tmp_path / "out") == ["shop-1.0-py3-none-any.whl"]


def test_an_empty_lock_needs_no_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of which no line holds for the target installs nothing."""
    monkeypatch.setattr(wheels, "run_pip", lambda _: pytest.fail("pip was called"))
    lock = write_lock(tmp_path, "# nothing", "shop==1.0 ; sys_platform == 'win32'")
    assert fetch(lock, tmp_path / "out") == []


def count_runs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Count how often pip runs."""
    runs: list[object] = []
    real = wheels.run_pip
    monkeypatch.setattr(wheels, "run_pip", lambda given: runs.append(given) or real(given))
    return runs


def test_the_same_lock_is_downloaded_once(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second run calls no pip; other lines that hold, options or targets do."""
    build_wheel(index, "shop")
    build_wheel(index, "shop", "2.0")
    runs = count_runs(monkeypatch)
    out = tmp_path / "out"
    for lines, target, times in [
        (["shop==1.0"], ARM, 1),
        (["# a comment", "Shop==1.0", "other==1 ; sys_platform == 'win32'"], ARM, 1),
        (["shop==1.0"], INTEL, 2),
        (["shop==1.0"], Target("python3.12", "arm64"), 3),
        (["--pre", "shop==1.0"], ARM, 4),
        (["shop==2.0"], ARM, 5),
        (["shop==1.0"], ARM, 5),
    ]:
        fetch(write_lock(tmp_path, *lines), out, target)
        assert len(runs) == times


@pytest.mark.parametrize(
    "damage",
    [
        *("byte", "index"),
        *(
            pytest.param(each, marks=pytest.mark.extended)
            for each in ("wheel", "further", "text", "all")
        ),
    ],
)
def test_damaged_wheels_are_downloaded_again(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """Wheels are used only as they were downloaded, all of them and no other."""
    build_wheel(index, "shop")
    lock = write_lock(tmp_path, "shop==1.0")
    folder = wheels.fetch(lock, tmp_path / "out", ARM)
    wheel = folder / "shop-1.0-py3-none-any.whl"
    good = wheel.read_bytes()
    if damage == "byte":
        wheel.write_bytes(good.replace(b"VERSION", b"VERSIOM"))
    if damage in {"wheel", "all"}:
        wheel.unlink()
    if damage == "further":
        build_wheel(folder, "other")
    if damage in {"index", "all"}:
        (folder / "index.json").unlink()
    if damage == "text":
        (folder / "index.json").write_text("{")
    runs = count_runs(monkeypatch)
    assert fetch(lock, tmp_path / "out") == [wheel.name]
    assert wheel.read_bytes() == good
    assert len(runs) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_another_packer_may_be_faster(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """A folder that another packer has made meanwhile is used if it is whole."""
    build_wheel(index, "shop")

    def lose(folder: Path, cache: Path) -> None:
        if whole:
            shutil.copytree(folder, cache)
        raise OSError(39, "Directory not empty", str(cache))

    monkeypatch.setattr(Path, "rename", lose)
    lock = write_lock(tmp_path, "shop==1.0")
    if whole:
        assert fetch(lock, tmp_path / "out") == ["shop-1.0-py3-none-any.whl"]
    else:
        with pytest.raises(OSError, match="Directory not empty"):
            fetch(lock, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_killed_download_is_never_used(index: Path, tmp_path: Path) -> None:
    """A killed run leaves a folder NAME.part, which is never used and goes after the next zip."""
    build_wheel(index, "shop")
    lock = write_lock(tmp_path, "shop==1.0")
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
        "from scripts import wheels; wheels.check_complete = lambda *_: os.kill(os.getpid(), 9);"
        "wheels.fetch(Path(sys.argv[2]), Path(sys.argv[3]), wheels.Target('python3.13', 'arm64'))"
    )
    out = tmp_path / "out"
    killed = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(lock), str(out)], check=False
    )
    assert killed.returncode == -9
    (part,) = out.iterdir()
    assert part.suffix == ".part"
    source = tree(tmp_path / "source", {"orders.py": ""})
    pack_sources(source, out / "function.zip", requirements=str(lock))
    (folder,) = out.glob("wheels-*")
    assert sorted(path.name for path in out.iterdir()) == ["function.zip", folder.name]


def test_wheels_of_other_locks_are_removed(index: Path, tmp_path: Path) -> None:
    """After a zip is written, the directory holds the wheels of the lock, if there is one."""
    build_wheel(index, "shop")
    build_wheel(index, "cart")
    source = tree(tmp_path / "source", {"orders.py": ""})
    out = tmp_path / "out"
    lock = write_lock(tmp_path, "shop==1.0")
    pack_sources(source, out / "function.zip", requirements=str(lock))
    (first,) = out.glob("wheels-*")
    write_lock(tmp_path, "cart==1.0")
    pack_sources(source, out / "function.zip", requirements=str(lock))
    (second,) = out.glob("wheels-*")
    assert first != second
    pack_sources(source, out / "function.zip")
    assert [path.name for path in out.iterdir()] == ["function.zip"]


@pytest.mark.parametrize(
    ("lock", "index_wheels", "missing"),
    [
        (
            ["botocore==1.0", "a==1.0", "b==1.0", "c==1.0"],
            {"botocore": ["a"], "a": ["b"], "b": ["c"], "c": ["d"]},
            None,
        ),
        (["a==1.0", "b==1.0"], {"a": ["B>=1"], "b": []}, None),
        (["a==1.0"], {"a": ["b; sys_platform == 'win32'", "c; extra == 'x'"]}, None),
        (["a==1.0"], {"a": ["b; python_version < '3.13'"]}, None),
        (["a==1.0"], {"a": ["b; python_version >= '3.13'"]}, "a needs 'b'"),
        (["a[X-y]==1.0"], {"a": ["c; extra == 'x_y'"]}, "a needs 'c'"),
        (
            ["a[x]==1.0", "c==1.0"],
            {"a": ["c[z]; extra == 'x'"], "c": ["d; extra == 'z'"]},
            "c needs 'd'",
        ),
        (["b==1.0", "a==1.0"], {"a": ["b[z]"], "b": ["d; extra == 'z'"]}, "b needs 'd'"),
        (["a==1.0"], {"a": ["boto3>=1.30", "botocore"]}, None),
        (["boto3==1.0"], {"boto3": ["botocore", "jmespath", "s3transfer"]}, None),
        (
            ["botocore==1.0", "python_dateutil==1.0"],
            {"botocore": ["python-dateutil"], "python_dateutil": ["six"]},
            None,
        ),
        (
            ["a==1.0", "botocore==1.0"],
            {"a": ["jmespath"], "botocore": ["jmespath"]},
            "a needs 'jmespath'",
        ),
        (
            ["a==1.0", "botocore==1.0", "u==1.0"],
            {"a": ["u"], "botocore": ["u"], "u": ["six"]},
            "u needs 'six'",
        ),
        (
            ["a==1.0", "boto3==1.0"],
            {"a": ["boto3>=2"], "boto3": []},
            "a needs 'boto3>=2', and the file pins boto3 1.0",
        ),
        (
            ["a==1.0", "b==1.0"],
            {"a": ["b!=1.0"], "b": []},
            "a needs 'b!=1.0', and the file pins b 1.0",
        ),
        (["a==1.0", "b==1.0"], {"a": ["b @ https://example.com/b.whl"], "b": []}, None),
        (["a==1.0"], {"a": ["not a requirement at all"]}, None),
    ],
)
def test_a_lock_is_complete(
    tmp_path: Path, lock: list[str], index_wheels: dict[str, list[str]], missing: str | None
) -> None:
    """All that the wheels need is pinned, with extras and markers; what Lambda ships may lack."""
    _, pins = wheels.parse_lock("\n".join(lock), tmp_path)
    pins = wheels.select_pins(pins, ARM)
    for name, needs in index_wheels.items():
        build_wheel(tmp_path, name, needs=needs, extras=["x", "x_y", "z"])
    named = wheels.name_wheels(pins, tmp_path, ARM)
    if missing is None:
        wheels.check_complete(pins, named, ARM)
        return
    with pytest.raises(wheels.LockError) as refusal:
        wheels.check_complete(pins, named, ARM)
    assert missing in str(refusal.value)
    assert "`uv pip compile --universal --python-version 3.13 --generate-hashes" in str(
        refusal.value
    )


def test_pip_completes_no_lock(index: Path, tmp_path: Path) -> None:
    """A missing pin is named, and its project is not installed silently from the index."""
    build_wheel(index, "a", needs=["b"])
    build_wheel(index, "b")
    with pytest.raises(wheels.LockError, match=r"a needs 'b' on python3\.13 on arm64, and the"):
        wheels.fetch(write_lock(tmp_path, "a==1.0"), tmp_path / "out", ARM)


def test_a_platform_of_the_user_is_not_taken(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel that only the user's own PIP_PLATFORM allows does not run on Lambda."""
    monkeypatch.setenv("PIP_PLATFORM", "win_amd64")
    build_wheel(index, "a", tag="cp313-cp313-win_amd64")
    with pytest.raises(wheels.LockError, match="pip did not download what the file pins: a; check"):
        wheels.fetch(write_lock(tmp_path, "a==1.0"), tmp_path / "out", ARM)


def test_no_virtual_environment_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's require-virtualenv does not stop a download, and other settings are passed on."""
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    monkeypatch.setenv("PIP_TIMEOUT", "7")
    code, lines = wheels.run_pip(["config", "list"])
    assert code == 0
    assert {":env:.require-virtualenv='0'", ":env:.timeout='7'"} <= set(lines)


def test_a_prerelease_satisfies_a_need(tmp_path: Path) -> None:
    """A pinned pre-release counts as the version that it is."""
    build_wheel(tmp_path, "a", needs=["b>=1"])
    build_wheel(tmp_path, "b", "2.0rc1")
    _, pins = wheels.parse_lock("a==1.0\nb==2.0rc1", tmp_path)
    wheels.check_complete(pins, wheels.name_wheels(pins, tmp_path, ARM), ARM)


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


def test_wheels_may_share_files(index: Path, tmp_path: Path) -> None:
    """Of two different files with one path the first project's is packed, and a line says so."""
    build_wheel(index, "Zoo", files={"same.py": "1", "other.py": "zoo"})
    build_wheel(index, "apple", files={"same.py": "1", "other.py": "apple"})
    source = tree(tmp_path / "source", {"orders.py": ""})
    lock = write_lock(tmp_path, "Zoo==1.0", "apple==1.0")
    zipped = tmp_path / "out" / "function.zip"
    done = run(make_request(source, zipped, requirements=str(lock)))
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


@pytest.mark.usefixtures("ready")
def test_the_example_is_packed_for_lambda(tmp_path: Path) -> None:
    """The example's lock gives the compiled wheel of the runtime, not of this machine."""
    source = tree(tmp_path / "source", {"orders.py": ""})
    zipped = pack_sources(source, tmp_path / "out" / "function.zip", requirements=str(EXAMPLE))
    compiled = [name for name in zipfile.ZipFile(zipped).namelist() if name.endswith(".so")]
    assert compiled == ["markupsafe/_speedups.cpython-313-aarch64-linux-gnu.so"]


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
