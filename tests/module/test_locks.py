"""Locks: every spelling of a pin is read, all else is refused, and a lock is complete."""

from pathlib import Path

import pytest

from scripts import wheels
from scripts.wheels import Target
from tests.module.locks import ARM, write_lock
from tests.module.packages import build_wheel


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
    """All dependencies of wheels are pinned, with extras and markers, except what Lambda ships."""
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


@pytest.mark.slow
def test_pip_completes_no_lock(index: Path, tmp_path: Path) -> None:
    """A missing pin is named, and its project is not installed silently from the index."""
    build_wheel(index, "a", needs=["b"])
    build_wheel(index, "b")
    with pytest.raises(wheels.LockError, match=r"a needs 'b' on python3\.13 on arm64, and the"):
        wheels.fetch(write_lock(tmp_path, "a==1.0"), tmp_path / "out", ARM)


def test_a_prerelease_satisfies_a_need(tmp_path: Path) -> None:
    """A pinned pre-release counts as the version that it is."""
    build_wheel(tmp_path, "a", needs=["b>=1"])
    build_wheel(tmp_path, "b", "2.0rc1")
    _, pins = wheels.parse_lock("a==1.0\nb==2.0rc1", tmp_path)
    wheels.check_complete(pins, wheels.name_wheels(pins, tmp_path, ARM), ARM)
