"""The packer: the same sources give the same zip everywhere; Terraform hashes the same files."""

import ast
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from scripts import pack
from scripts.support.terraform import TerraformError
from tests.module.packages import (
    EXCLUDE,
    PACKAGE_DIR,
    PROCESSOR,
    make_request,
    pack_sources,
    tree,
)
from tests.module.stacks import ROOT, copy_module, pack_by_terraform

pytestmark = pytest.mark.slow


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source directory with all that makes packing hard."""
    return tree(
        tmp_path / "source",
        {
            "orders.py": PROCESSOR,
            "shop/__init__.py": "",
            "shop/a name.py": "# text without an end",
            "shop/café.txt": "e\u0301 is not in normal form C\n",
            "data/logo.bin": b"\xff\xfe\r\n\x00",
            "Z.py": "sorts = 'before a'\n",
            ".env": "SECRET=1\n",
            ".git/config": "[core]\n",
            "shop/.hidden/secret.py": "",
            "__pycache__/orders.cpython-313.pyc": b"\x00",
            "shop/__pycache__/note.txt": "",
            "orders.pyc": b"\x00",
        },
    )


VISIBLE = ["Z.py", "data/logo.bin", "orders.py", "shop/__init__.py", "shop/a name.py"]
VISIBLE += ["shop/café.txt"]
FIXED = re.compile(EXCLUDE)


def other_checkout(source: Path, destination: Path) -> Path:
    """The same files as another machine has them: other order, times, modes and line ends."""
    for path in sorted(source.rglob("*"), reverse=True):
        if not path.is_file():
            continue
        copy = destination / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        raw = path.read_bytes()
        text = path.suffix in {".py", ".txt"}
        copy.write_bytes(raw.replace(b"\n", b"\r\n") if text else raw)
        copy.chmod(0o755 if copy.suffix == ".py" else 0o600)
        os.utime(copy, (1_000_000_000, 1_000_000_000))
    return destination


def test_two_checkouts_give_the_same_bytes(source: Path, tmp_path: Path) -> None:
    """Order, times, modes and line ends of a checkout leave no trace in the zip."""
    first = pack_sources(source, tmp_path / "first" / "out.zip")
    other = other_checkout(source, tmp_path / "other")
    second = pack_sources(other, tmp_path / "second" / "out.zip")
    assert first.read_bytes() == second.read_bytes()


def test_windows_gives_the_same_bytes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zip does not show which system built it."""
    here = pack_sources(source, tmp_path / "here.zip").read_bytes()
    monkeypatch.setattr(sys, "platform", "win32")
    assert pack_sources(source, tmp_path / "there.zip").read_bytes() == here


def test_the_zip_is_plain(source: Path, tmp_path: Path) -> None:
    """Entries are sorted, compressed, executable, and dated with the first date of the format."""
    archive = zipfile.ZipFile(pack_sources(source, tmp_path / "out.zip"))
    names = archive.namelist()
    assert names == sorted(names)
    for entry in archive.infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.compress_type == zipfile.ZIP_DEFLATED
        assert entry.external_attr >> 16 == 0o100755
        assert entry.create_system == 3


def test_the_zip_holds_the_sources_and_the_package(source: Path, tmp_path: Path) -> None:
    """Hidden and compiled files stay out; the rest is there, with the whole package."""
    names = zipfile.ZipFile(pack_sources(source, tmp_path / "out.zip")).namelist()
    ours = [name for name in names if name.startswith("idempotent_lambda/")]
    assert sorted(set(names) - set(ours)) == VISIBLE
    assert ours == sorted(
        path.relative_to(PACKAGE_DIR).as_posix()
        for path in (PACKAGE_DIR / "idempotent_lambda").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )


def test_only_the_package_is_taken_from_its_directory(tmp_path: Path) -> None:
    """Other files in the directory of the package are not deployed."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    handler = tree(tmp_path / "handler", {"idempotent_lambda/a.py": "", "notes.txt": ""})
    assert sorted(pack.collect_sources(source, handler, FIXED)) == [
        "idempotent_lambda/a.py",
        "orders.py",
    ]


def test_text_gets_lf_and_nothing_else_changes(tmp_path: Path) -> None:
    """CRLF becomes LF in text; bytes that are not text are packed as they are."""
    source = tree(tmp_path / "source", {"a.py": "x = 1\r\ny = 2\r", "b.bin": b"\xff\r\n"})
    archive = zipfile.ZipFile(pack_sources(source, tmp_path / "out.zip"))
    assert archive.read("a.py") == b"x = 1\ny = 2\r"
    assert archive.read("b.bin") == b"\xff\r\n"


def test_a_link_inside_is_followed(tmp_path: Path) -> None:
    """Links to a file and to a directory of the sources are packed as what they show."""
    source = tree(tmp_path / "source", {"shop/orders.py": PROCESSOR})
    (source / "orders.py").symlink_to("shop/orders.py")
    (source / "store").symlink_to("shop")
    files = pack.list_files(source, FIXED)
    assert sorted(files) == ["orders.py", "shop/orders.py", "store/orders.py"]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("secret.py", "../secret.py"),
        ("shop", "../elsewhere"),
        ("shop", "."),
        ("deep/up", ".."),
        ("deep/here", "."),
        ("deep/below/up", ".."),
        ("broken.py", "../missing.py"),
        ("self.py", "self.py"),
    ],
)
def test_a_link_out_of_the_sources_is_refused(tmp_path: Path, link: str, target: str) -> None:
    """A link out, or to a directory that holds the link, packs nothing."""
    tree(tmp_path, {"secret.py": "", "elsewhere/a.py": "", "source/deep/below/a.py": PROCESSOR})
    (tmp_path / "source" / link).symlink_to(target)
    with pytest.raises(
        pack.PackError, match=r"links to .* which is outside or contains the link; copy the"
    ):
        pack.list_files(tmp_path / "source", FIXED)


def run(monkeypatch: pytest.MonkeyPatch, request: object) -> int:
    """Run the packer as Terraform does; its exit code."""
    monkeypatch.setenv("PACK", json.dumps(request))
    return pack.main()


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    """Two directories that link to each other would never end, and are refused."""
    source = tree(tmp_path / "source", {"a/x.py": "", "b/y.py": ""})
    (source / "a" / "to_b").symlink_to("../b")
    (source / "b" / "to_a").symlink_to("../a")
    with pytest.raises(pack.PackError, match="which is outside or contains the link"):
        pack.list_files(source, FIXED)


def test_what_is_left_out_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that lead out, break or loop do not matter where they are left out."""
    source = tree(
        tmp_path / "source",
        {"orders.py": "", ".venv/a.py": "", "tests/data/b.py": "", "docs/c.md": "", "d.md": ""},
    )
    for link, target in (
        (".venv/python", "/bin/sh"),
        (".venv/broken", "nowhere"),
        (".venv/loop", "."),
        (".link", "../out"),
        ("tests/data/self", "self"),
        ("tests/out", "../../outside"),
        ("node.md", "nowhere"),
    ):
        (source / link).symlink_to(target)
    entered = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: entered.append(path) or scandir(path))
    files = pack.list_files(source, re.compile(EXCLUDE + r"|^tests/.{0,}(/|$)|(^|/)node\.md(/|$)"))
    assert sorted(files) == ["d.md", "docs/c.md", "orders.py"]
    assert sorted(Path(path).name for path in entered) == ["docs", "source"]


def test_names_are_compared_in_normal_form(tmp_path: Path) -> None:
    """A rule in normal form C leaves out a directory whose name on disk is not."""
    source = tree(tmp_path / "source", {"cafe\u0301/a.py": "", "b.py": ""})
    assert list(pack.list_files(source, re.compile("^café/"))) == ["b.py"]


def test_the_rules_of_the_user_do_not_touch_the_package(tmp_path: Path) -> None:
    """Files that code.exclude matches are left out of source_dir, and never out of the package."""
    source = tree(tmp_path / "source", {"orders.py": "", "keys.py": ""})
    zipped = pack_sources(source, tmp_path / "out.zip", exclude=EXCLUDE + r"|keys\.py$")
    names = zipfile.ZipFile(zipped).namelist()
    assert "keys.py" not in names
    assert "idempotent_lambda/keys.py" in names


def test_only_regular_files_are_packed(tmp_path: Path) -> None:
    """A pipe is not packed, and nobody waits for it."""
    source = tree(tmp_path / "source", {"orders.py": ""})
    os.mkfifo(source / "pipe")
    assert list(pack.list_files(source, FIXED)) == ["orders.py"]


def test_a_directory_that_cannot_be_read_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left out silently because it cannot be listed."""
    source = tree(tmp_path / "source", {"orders.py": "", "shop/a.py": ""})
    request = make_request(source, tmp_path / "out" / "function.zip")
    scandir = os.scandir

    def refuse(path: str) -> Iterable[object]:
        if str(path).endswith("shop"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert run(monkeypatch, request) == 1
    assert "Permission denied: '" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the operating system names the file and is not a traceback."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    request = make_request(source, tmp_path / "out.zip")

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pack, "read_content", denied)
    assert run(monkeypatch, request) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Permission denied" in line


@pytest.mark.parametrize("name", ["idempotent_lambda/../x.py", "a b.py", "new\nline.py"])
def test_a_refusal_is_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A refusal is one line on standard error with exit code 1, and no file stays."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    destination = tmp_path / "out" / "function.zip"
    assert run(monkeypatch, make_request(source, destination, processor_files=[name])) == 1
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("Cannot pack code.source_dir: the zip holds no ")
    assert line.endswith("; correct processor, or add the file.")
    assert printed.out == ""
    assert not list(destination.parent.iterdir())


def test_progress_is_printed_on_any_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that the terminal cannot show is escaped and stops nothing."""
    source = tree(tmp_path / "source", {"orders.py": ""})
    request = make_request(source, tmp_path / "out" / "function.zip")
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    assert run(monkeypatch, request) == 0
    sys.stdout.write("café\n")
    sys.stdout.flush()
    assert terminal.buffer.getvalue() == b"caf\\xe9\n"


def test_the_processor_is_in_the_zip(tmp_path: Path) -> None:
    """One of the files that the processor names is enough, also in a wheel."""
    source = tree(tmp_path / "source", {"shop/orders.py": PROCESSOR})
    names = ["shop/orders/__init__.py", "shop/orders.py"]
    assert pack_sources(source, tmp_path / "out.zip", processor_files=names).exists()


@pytest.mark.parametrize(("limit", "accepted"), [(0, True), (-1, False)])
def test_the_zip_fits_into_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, accepted: bool
) -> None:
    """A zip of exactly the limit passes, and one byte more is refused with nothing left."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    size = pack_sources(source, tmp_path / "first.zip").stat().st_size
    monkeypatch.setattr(pack, "ZIP_LIMIT", size + limit)
    destination = tmp_path / "out" / "function.zip"
    if accepted:
        pack_sources(source, destination)
    else:
        said = rf"has {size:,} bytes \([\d,]+ unpacked\).* {size - 1:,} directly.*code\.s3"
        with pytest.raises(pack.PackError, match=said):
            pack_sources(source, destination)
    assert [path.name for path in destination.parent.iterdir()] == ["function.zip"] * accepted


@pytest.mark.parametrize(("limit", "accepted"), [(0, True), (-1, False)])
def test_the_unpacked_files_fit_into_the_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, accepted: bool
) -> None:
    """Files of exactly the limit pass; one byte more is refused before a file is read."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    request = make_request(source, tmp_path / "out" / "function.zip")
    names = zipfile.ZipFile(pack_sources(source, tmp_path / "first.zip")).namelist()
    files = [*(ROOT / "handler" / name for name in names if "/" in name), source / "orders.py"]
    size = sum(file.stat().st_size for file in files)
    assert len(files) == len(names)
    monkeypatch.setattr(pack, "UNPACKED_LIMIT", size + limit)
    if accepted:
        pack.pack(pack.Request(**request))
        return
    monkeypatch.setattr(pack, "read_content", lambda _: pytest.fail("read"))
    said = rf"takes {size:,} bytes unpacked.* {size - 1:,}; use fewer .* set code\.image"
    with pytest.raises(pack.PackError, match=said):
        pack.pack(pack.Request(**request))


def test_the_limits_are_lambdas() -> None:
    """The limits are 50 MB for the zip and 250 MB unpacked, of 1,048,576 bytes each."""
    assert (pack.ZIP_LIMIT, pack.UNPACKED_LIMIT) == (50 * 1024**2, 250 * 1024**2)


def test_what_earlier_packers_left_is_removed(tmp_path: Path) -> None:
    """Other zips, parts and wheels go after a zip is written; anything else stays."""
    out = tree(
        tmp_path / "out",
        {
            "old.zip": "",
            "x.part": "",
            "y.part/a.whl": "",
            "wheels-0123456789abcdef/a.whl": "",
            "notes.txt": "",
            "wheels-notes.txt": "",
            "deep/old.zip": "",
            "deep/x.part": "",
        },
    )
    tree(tmp_path, {"other.zip": ""})
    (out / "link.zip").symlink_to(tmp_path / "deep")
    tree(tmp_path / "deep", {"kept.py": ""})
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    pack_sources(source, out / "function.zip")
    kept = ["deep", "function.zip", "notes.txt", "wheels-notes.txt"]
    assert sorted(path.name for path in out.iterdir()) == kept
    assert sorted(path.name for path in (out / "deep").iterdir()) == ["old.zip", "x.part"]
    assert (tmp_path / "other.zip").exists()
    assert (tmp_path / "deep" / "kept.py").exists()


def test_a_failure_removes_nothing(tmp_path: Path) -> None:
    """Files of earlier packers stay while there is no new zip."""
    out = tree(tmp_path / "out", {"old.zip": "", "x.part": ""})
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    with pytest.raises(pack.PackError):
        pack_sources(source, out / "function.zip", processor_files=["missing.py"])
    assert sorted(path.name for path in out.iterdir()) == ["old.zip", "x.part"]


@pytest.mark.slow
def test_packers_of_one_directory_take_turns(tmp_path: Path) -> None:
    """Eight packers at once for one directory all succeed, and a reader meets whole zips only."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    destination = tmp_path / "out" / "function.zip"
    request = json.dumps(make_request(source, destination))
    command = [sys.executable, "-I", str(ROOT / "scripts" / "pack.py"), "Packs orders."]
    running = [
        subprocess.Popen(command, env={**os.environ, "PACK": request}, stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    while any(process.poll() is None for process in running):
        if destination.exists():
            assert zipfile.ZipFile(destination).testzip() is None
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 8
    assert [path.name for path in destination.parent.iterdir()] == ["function.zip"]


def test_a_failed_packer_leaves_its_directory_to_the_next(tmp_path: Path) -> None:
    """After a failure, a packer that waits has the directory that a later packer locks."""
    out = tmp_path / "out"
    with contextlib.suppress(pack.PackError), pack.lock_directory(out):
        waiting = os.open(out, os.O_RDONLY)
        raise pack.PackError("a failure")
    assert os.path.samestat(os.fstat(waiting), out.stat())
    os.close(waiting)


@pytest.mark.timeout(120)
def test_a_waiting_packer_leaves_the_part_of_a_running_one(tmp_path: Path) -> None:
    """A packer does not clean while another one has the directory."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    request = json.dumps(make_request(source, tmp_path / "out" / "function.zip"))
    command = [sys.executable, "-I", str(ROOT / "scripts" / "pack.py")]
    with pack.lock_directory(tmp_path / "out"):
        tree(tmp_path / "out", {"mine.part": ""})
        waiting = subprocess.Popen(
            command, env={**os.environ, "PACK": request}, stdout=subprocess.PIPE, text=True
        )
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == f"Waiting for another packer in {tmp_path / 'out'}.\n"
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.part"]
    assert waiting.communicate() == ("", None)
    assert waiting.returncode == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["function.zip"]


def test_a_zip_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure in the middle leaves the earlier zip, and nothing else."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    destination = pack_sources(source, tmp_path / "out" / "function.zip")
    before = destination.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    (source / "orders.py").write_text("# edited\n")
    with pytest.raises(OSError, match="No space left"):
        pack_sources(source, destination)
    assert [path.name for path in destination.parent.iterdir()] == ["function.zip"]
    assert destination.read_bytes() == before


@pytest.mark.parametrize(
    ("file", "oldest", "further"), [("pack.py", 6, set()), ("wheels.py", 8, {"pip"})]
)
def test_the_packer_needs_nothing_but_an_old_python(
    file: str, oldest: int, further: set[str]
) -> None:
    """Both files parse as an old Python and import the standard library, or pip, only."""
    parsed = ast.parse((ROOT / "scripts" / file).read_text(), feature_version=(3, oldest))
    imported = {
        name.split(".")[0]
        for node in ast.walk(parsed)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names | further
    assert oldest > 6 or "__future__" not in imported  # annotations came with Python 3.7


def test_an_old_python_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python that is too old says which one it is and what to do."""
    monkeypatch.setattr(sys, "version_info", (3, 7, 16))
    assert pack.main() == 1
    assert capsys.readouterr().err == (
        f"Cannot pack code.source_dir: {sys.executable} is Python 3.7, and packing needs 3.8 or "
        "newer; install one, set code.python, or build the zip elsewhere and set code.filename.\n"
    )


@pytest.mark.terraform
def test_terraform_hashes_the_files_that_are_packed(source: Path, tmp_path: Path) -> None:
    """Both halves list and hash the same files, links and odd names too, on every checkout."""
    # Nothing but python3 is on the PATH: no shell is needed.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    tree(source, {"shop/notes+drafts/a.md": "", "shop/b.md": "", "docs/index.md": ""})
    (source / "store").symlink_to("shop")
    # What is left out is not judged: links of virtual environments lead anywhere.
    for name in (".venv", "venv"):
        (source / name).mkdir()
        (source / name / "python").symlink_to(sys.executable)
        (source / name / "broken").symlink_to("nowhere")
    zips = []
    for name, files in (("one", source), ("two", other_checkout(source, tmp_path / "other"))):
        if not (files / "store").exists():
            shutil.rmtree(files / "venv", ignore_errors=True)
            (files / "store").symlink_to("shop")
        checkout = copy_module(tmp_path / name)
        # The packer compares its hash with Terraform's, so that there is a zip says they agree.
        code = f'source_dir = "{files}", exclude = ["/venv", "notes?drafts/", "docs/**"]'
        path = str(tmp_path / "bin")
        zips.append(pack_by_terraform(checkout, tmp_path / f"{name}-build", code, PATH=path))
        assert not (checkout / ".terraform" / "idempotent-lambda").exists()
    assert zips[0].name == zips[1].name
    assert zips[0].read_bytes() == zips[1].read_bytes()
    names = zipfile.ZipFile(zips[0]).namelist()
    assert "store/a name.py" in names
    assert [name for name in names if name.endswith(".md")] == ["shop/b.md", "store/b.md"]


@pytest.mark.terraform
def test_without_python_the_error_says_what_to_do(tmp_path: Path) -> None:
    """Where there is no such program, the error names it, and says what to do."""
    checkout = copy_module(tmp_path / "checkout")
    code = 'source_dir = "examples/quickstart/src", python = "python4"'
    with pytest.raises(TerraformError) as failure:
        pack_by_terraform(checkout, tmp_path / "build", code)
    said = " ".join(failure.value.output.split())
    assert 'exec: "python4": executable file not found' in said
    assert (
        "pack code.source_dir with python4, which must be Python 3.8 or newer on this machine "
        "(set code.python to use another program, or code.filename to use a zip that you build "
        "elsewhere)"
    ) in said
