"""Downloads: pip gets the wheels of a lock for the target, once, and its failures are one line."""

import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from scripts import pack, wheels
from scripts.wheels import Target
from tests.module.locks import ARM, INTEL, fetch, run_packer, write_lock
from tests.module.packages import build_wheel, make_request, pack_sources, tree
from tests.module.stacks import ROOT

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


@pytest.mark.slow
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


@pytest.mark.slow
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
    done = run_packer(request)
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
    done = run_packer(
        make_request(source, tmp_path / "out" / "function.zip", requirements=str(lock))
    )
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_wheel_of_a_folder_that_is_built_again_is_taken(tmp_path: Path) -> None:
    """A folder of wheels that the lock names is read each time: versions do not show a rebuild."""
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
    (error,) = run_packer(request).stderr.splitlines()
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


@pytest.mark.slow
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
    done = run_packer(request, here)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout == f"Downloading the wheels of {lock} for {ARM}: 1.\n"


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
