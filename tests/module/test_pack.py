"""The packer: the same sources give the same zip everywhere; Terraform hashes the same files."""

import ast
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts import pack
from scripts.lab.terraform import OFFLINE, Terraform, TerraformError, environment
from tests.module.stacks import ROOT, copy_module, offline_quickstart

PACKAGE_DIR = ROOT / "handler"
PROCESSOR = 'def process(message):\n    print("charged é ☃")\n'


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


NO_PYTHON = (
    "Cannot pack code.source_dir: no python3 of version 3.8 or newer on the PATH. Install one "
    "where terraform apply runs, or build the zip elsewhere and set code.filename."
)
VISIBLE = ["Z.py", "data/logo.bin", "orders.py", "shop/__init__.py", "shop/a name.py"]
VISIBLE += ["shop/café.txt"]


def tree(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files below the directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


def packed(source: Path, destination: Path) -> Path:
    """Pack without a plan: the hash is what the packer itself makes of the files."""
    files = pack.collected(source, PACKAGE_DIR)
    expected = pack.source_hash({name: pack.content(path) for name, path in files.items()})
    pack.pack(source, PACKAGE_DIR, destination, expected)
    return destination


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
    first = packed(source, tmp_path / "first.zip")
    second = packed(other_checkout(source, tmp_path / "other"), tmp_path / "second.zip")
    assert first.read_bytes() == second.read_bytes()


def test_windows_gives_the_same_bytes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zip does not tell which system built it."""
    here = packed(source, tmp_path / "here.zip").read_bytes()
    monkeypatch.setattr(sys, "platform", "win32")
    assert packed(source, tmp_path / "there.zip").read_bytes() == here


def test_the_zip_is_plain(source: Path, tmp_path: Path) -> None:
    """Entries are sorted, stored, readable by all, and dated with the first date of the format."""
    archive = zipfile.ZipFile(packed(source, tmp_path / "out.zip"))
    names = archive.namelist()
    assert names == sorted(names)
    for entry in archive.infolist():
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.compress_type == zipfile.ZIP_DEFLATED
        assert entry.external_attr >> 16 == 0o100644
        assert entry.create_system == 3


def test_the_zip_holds_the_sources_and_the_package(source: Path, tmp_path: Path) -> None:
    """What is hidden or compiled stays out; the rest is there, beside the whole package."""
    names = zipfile.ZipFile(packed(source, tmp_path / "out.zip")).namelist()
    ours = [name for name in names if name.startswith("idempotent_lambda/")]
    assert sorted(set(names) - set(ours)) == VISIBLE
    assert ours == sorted(
        path.relative_to(PACKAGE_DIR).as_posix()
        for path in (PACKAGE_DIR / "idempotent_lambda").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    )


def test_only_the_package_is_taken_from_its_directory(tmp_path: Path) -> None:
    """What else lies beside the package is not deployed."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    beside = tree(tmp_path / "handler", {"idempotent_lambda/a.py": "", "notes.txt": ""})
    assert sorted(pack.collected(source, beside)) == ["idempotent_lambda/a.py", "orders.py"]


def test_text_gets_lf_and_nothing_else_changes(tmp_path: Path) -> None:
    """CRLF becomes LF in text; bytes that are no text are packed as they are."""
    source = tree(tmp_path / "source", {"a.py": "x = 1\r\ny = 2\r", "b.bin": b"\xff\r\n"})
    archive = zipfile.ZipFile(packed(source, tmp_path / "out.zip"))
    assert archive.read("a.py") == b"x = 1\ny = 2\r"
    assert archive.read("b.bin") == b"\xff\r\n"


def test_a_link_inside_is_followed(tmp_path: Path) -> None:
    """Links to a file and to a directory of the sources are packed as what they show."""
    source = tree(tmp_path / "source", {"shop/orders.py": PROCESSOR})
    (source / "orders.py").symlink_to("shop/orders.py")
    (source / "store").symlink_to("shop")
    files = pack.listed(source)
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
    ],
)
def test_a_link_out_of_the_sources_is_refused(tmp_path: Path, link: str, target: str) -> None:
    """A link out, or to a directory that holds the link, packs nothing."""
    tree(tmp_path, {"secret.py": "", "elsewhere/a.py": "", "source/deep/below/a.py": PROCESSOR})
    (tmp_path / "source" / link).symlink_to(target)
    with pytest.raises(pack.PackError, match=r"links to .* outside of what is packed; copy the"):
        pack.listed(tmp_path / "source")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"requirements.txt": "requests"}, "holds a requirements.txt, and nothing is installed"),
        ({"idempotent_lambda.py": ""}, "holds its own 'idempotent_lambda.py'"),
        ({"idempotent_lambda/a.py": ""}, "holds its own 'idempotent_lambda/a.py'"),
        ({}, "are not those that were planned"),
        (None, "there is no directory"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    files: Mapping[str, str] | None,
    said: str,
) -> None:
    """Every refusal is one line on standard error, exit code 1, and no zip."""
    source = tmp_path / "source"
    if files is not None:
        tree(source, {"orders.py": PROCESSOR, **files})
    destination = tmp_path / "out" / "function.zip"
    assert pack.main([str(source), str(PACKAGE_DIR), str(destination), "planned"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Cannot pack code.source_dir: ")
    assert said in line
    assert not destination.parent.exists()


def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the operating system names the file and is no traceback."""

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pack, "content", denied)
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    assert pack.main([str(source), str(PACKAGE_DIR), str(tmp_path / "out.zip"), ""]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "Permission denied" in line


def test_a_zip_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure in the middle leaves the earlier zip, and nothing beside it."""
    source = tree(tmp_path / "source", {"orders.py": PROCESSOR})
    destination = packed(source, tmp_path / "out" / "function.zip")
    before = destination.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    (source / "orders.py").write_text("# edited\n")
    with pytest.raises(OSError, match="No space left"):
        packed(source, destination)
    assert [path.name for path in destination.parent.iterdir()] == ["function.zip"]
    assert destination.read_bytes() == before


def test_the_packer_needs_nothing_but_an_old_python() -> None:
    """It parses as Python 3.8 and imports the standard library only."""
    parsed = ast.parse((ROOT / "scripts" / "pack.py").read_text(), feature_version=(3, 8))
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
    assert imported <= sys.stdlib_module_names


def apply_package(quickstart: Path, **variables: str) -> Path:
    """Let Terraform pack, and nothing else; the zip."""
    # Whatever the function's settings name is made before its code is packed.
    (quickstart / "no_settings_override.tf").write_text('module "orders" {\n  function = {}\n}\n')
    terraform = Terraform(directory=quickstart, environment={**environment(OFFLINE), **variables})
    terraform.init("-backend=false")
    terraform.apply("-refresh=false", "-target=module.orders.terraform_data.package")
    (zipped,) = (quickstart / ".terraform" / "idempotent-lambda").iterdir()
    return zipped


@pytest.mark.terraform
def test_terraform_hashes_the_files_that_are_packed(source: Path, tmp_path: Path) -> None:
    """Both halves list and hash the same files, links and odd names too, on every checkout."""
    (source / "store").symlink_to("shop")
    zips = []
    for name, files in (("one", source), ("two", other_checkout(source, tmp_path / "other"))):
        quickstart = offline_quickstart(copy_module(tmp_path / name))
        shutil.rmtree(quickstart / "src")
        shutil.copytree(files, quickstart / "src", symlinks=True)
        if not (quickstart / "src" / "store").exists():
            (quickstart / "src" / "store").symlink_to("shop")
        # The packer compares its hash with Terraform's, so that there is a zip says they agree.
        zips.append(apply_package(quickstart))
    assert zips[0].name == zips[1].name
    assert zips[0].read_bytes() == zips[1].read_bytes()
    assert "store/a name.py" in zipfile.ZipFile(zips[0]).namelist()


@pytest.mark.terraform
@pytest.mark.parametrize("python3", [None, "#!/bin/sh\nexit 1\n"], ids=["missing", "too old"])
def test_without_python_one_line_says_what_to_do(tmp_path: Path, python3: str | None) -> None:
    """Where no python3 of 3.8 or newer is on the PATH, the error is one line with the remedy."""
    shell = shutil.which("sh")
    assert shell
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shell)
    if python3:
        (tmp_path / "bin" / "python3").write_text(python3)
        (tmp_path / "bin" / "python3").chmod(0o755)
    quickstart = offline_quickstart(copy_module(tmp_path / "checkout"))
    with pytest.raises(TerraformError) as failure:
        apply_package(quickstart, PATH=str(tmp_path / "bin"))
    printed = [line for line in failure.value.output.splitlines() if "(local-exec): " in line]
    assert printed[1:] == [f"module.orders.terraform_data.package[0] (local-exec): {NO_PYTHON}"]
