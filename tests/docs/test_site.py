"""The site is built without a warning, no link of it is dead, and its reference misses nothing."""

import doctest
import fcntl
import json
import re
import shutil
import subprocess
import tomllib
import warnings
import zlib
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest
import yaml
from PIL import Image
from pydantic import BaseModel
from site_pages import configuration, links
from sphinx.cmd.build import main as build
from support.commands import Fork, ended, start_command
from support.page import CHROMIUM, FLAGS
from support.page_blocks import blocks_of
from support.project import CONF, ROOT

import mlp_exp
from mlp_exp import errors
from mlp_exp.config.components import BASES
from mlp_exp.config.described import INTERNAL, SETTINGS
from mlp_exp.config.key_types import model_in
from mlp_exp.config.schema import Callback, Experiment
from mlp_exp.display.plots import FIGURES
from mlp_exp.storage import hydra_files, lease, run_folder, sweep_folder

pytestmark = pytest.mark.slow

DOCS = ROOT / "docs"
KINDS = ("tutorials", "how-to", "reference", "explanation")
_LINK, _ID = re.compile(r'\b(?:href|src)="([^"]+)"'), re.compile(r'\bid="([^"]+)"')


def build_site(folder: Path) -> None:
    warnings.resetwarnings()  # those of other packages are for them
    raise SystemExit(build(["-q", "-W", "--keep-going", "-b", "html", str(DOCS), "-d", f"{folder}-read", str(folder)]))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of the built site, which the processes of the suite share."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared if worker_id == "master" else shared.parent) / "site"
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            done = ended(Fork(lambda: build_site(folder), ROOT), timeout=300)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return folder


def described(site: Path) -> set[tuple[str, str]]:
    """The kind and name of each thing that the site describes, from the file that is made for other sites."""
    content = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    lines = zlib.decompress(content).decode().splitlines()
    return {(line.split()[1], line.split()[0]) for line in lines}


def keys_of_model(model: type[BaseModel], start: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{start}{field.alias or name}"
        inner = model_in(field)
        yield key
        yield from keys_of_model(inner, f"{key}.") if inner else ()


def keys_of_file(file: Path) -> Iterator[str]:
    """The whole dotted keys that a file of conf/ sets, but for the entries of its defaults list."""
    text = file.read_text(encoding="utf-8")
    package = re.search(r"^# @package (\S+)", text, re.MULTILINE)
    group = file.parent.relative_to(CONF).as_posix()
    place = package[1] if package else group.replace("/", ".")
    start = "" if place in (".", "_global_") else f"{place}."

    def inside(node: dict[str, object], start: str) -> Iterator[str]:
        for key, value in node.items():
            yield f"{start}{key}"
            if isinstance(value, dict):
                yield from inside(value, f"{start}{key}.")

    yield from inside({key: value for key, value in (yaml.safe_load(text) or {}).items() if key != "defaults"}, start)


def test_no_key_is_missing(site: Path) -> None:
    names = {name for kind, name in described(site) if kind == "std:confval"}
    of_schema = {key for key in keys_of_model(Experiment) if "." in key and not key.startswith("callbacks.")}
    of_hydra = {f"{model.node}.{key}" for model in SETTINGS.values() for key in keys_of_model(model)}
    assert len(of_schema) > 120
    inner = {key.rpartition(".")[0] for key in names}  # of nodes, whose keys are described
    assert (of_schema | of_hydra) - names - inner == set()
    of_callbacks = {name.rpartition(".")[2] for name in names if name.startswith("callbacks.")}
    assert set(Callback.model_fields) - {"import_path"} <= of_callbacks
    assert "seed" in names


def test_each_key_has_a_type_and_a_comment() -> None:
    made = configuration.keys_of_run() + configuration.keys_of_hydra()
    entries = re.findall(r"^````\{confval\} (\S+)\n(.*?)^````$", made, re.MULTILINE | re.DOTALL)
    assert len(entries) > 200
    for name, entry in entries:
        assert "\n:type: " in entry, name
        assert [line for line in entry.splitlines() if line and not line.startswith((":", "*With"))], name


def test_no_option_and_no_key_of_a_file_is_missing(site: Path) -> None:
    names = {name for kind, name in described(site) if kind == "std:confval"}
    presets = (site / "reference" / "presets.html").read_text(encoding="utf-8")
    pages = "".join((site / "reference" / f"{page}.html").read_text("utf-8") for page in ("configuration", "sweeps"))
    files = [file for file in sorted(CONF.rglob("*.yaml")) if file.parent.relative_to(CONF).as_posix() not in INTERNAL]
    assert len(files) > 90
    for file in files:
        group = file.parent.name
        if group == "local":
            continue
        shown = _codes(presets if group in ("experiment", "search") else pages)
        assert file.stem in shown or f"{group}={file.stem}" in presets or file.parent == CONF, file
        keys = set(keys_of_file(file))
        whole = {key for key in keys if not any(other.startswith(f"{key}.") for other in keys)}
        known = {key for key in whole for name in names | shown if key == name or key.startswith(f"{name}.")}
        assert whole - known == set(), file


def _codes(page: str) -> set[str]:
    """The texts in code of a page."""
    found = re.findall(r'<code class="docutils literal notranslate">(.*?)</code>', page, re.DOTALL)
    return {unescape(re.sub(r"<.*?>", "", text)) for text in found}


def test_no_public_name_is_missing(site: Path) -> None:
    names = {name for kind, name in described(site) if kind.startswith("py:")}
    public = {f"mlp_exp.{name}" for name in mlp_exp.__all__ if name != "__version__"}
    assert public | {f"mlp_exp.components.{name}" for name in BASES} <= names


def test_no_command_and_no_error_is_missing(site: Path) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert {("std:label", name) for name in scripts} <= described(site)
    page = (site / "reference" / "errors.html").read_text(encoding="utf-8")
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert set(kinds) <= _codes(page)


def test_no_figure_is_missing(site: Path) -> None:
    assert set(FIGURES) <= _codes((site / "reference" / "figures.html").read_text(encoding="utf-8"))


def test_no_file_and_no_key_of_a_result_is_missing(site: Path, tmp_path: Path) -> None:
    found = _codes((site / "reference" / "files.html").read_text(encoding="utf-8"))
    modules = (run_folder, sweep_folder, hydra_files, lease)
    named = {str(text) for module in modules for name, text in vars(module).items() if name.isupper()}
    files = {text for text in named if re.fullmatch(r"\.?[a-z_]+[./]\w+(\.\w+)?|\.lease", text)}
    assert len(files) >= 18
    assert files - found == set()
    search = ["-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "model.dropout=interval(0,0.5)"]
    short = ["trainer.epochs=2", "data.n_samples=100", "ensemble=folds", "ensemble.members=2", "baselines=standard"]
    done = ended(start_command("run", *search, *short, f"hydra.sweep.dir={tmp_path}", cwd=tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    looks = ["callbacks=[predictions,lr_finder]", "callbacks.predictions.every=1", "baselines=none"]
    done = ended(start_command("run", *looks, *short[:2], f"hydra.run.dir={tmp_path}/9", cwd=tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    left |= {path.relative_to(tmp_path).as_posix() for path in (tmp_path / "9").rglob("*") if path.is_file()}
    inner = {re.sub(r"^\d/((plots|predictions)/.*)?", r"\2", path) for path in left}
    assert len(inner) > 14
    assert inner - found == set()
    result = json.loads((tmp_path / "0" / "result.json").read_text(encoding="utf-8"))
    assert {*result, *result["provenance"]} - found == set()


def test_no_link_is_dead(site: Path) -> None:
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    ids = {path: set(_ID.findall(text)) for path, text in pages.items()}
    checked = 0
    for page, text in pages.items():
        for link in map(unescape, _LINK.findall(text)):
            if re.match(r"\w+:|//", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / unquote(path.partition("?")[0])).resolve() if path else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or target not in ids or unquote(anchor) in ids[target], f"{page.name}: {link}"
            checked += 1
    assert checked > 1000


def test_nothing_comes_from_the_network(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|link)\b[^>]*\b(?:src|href)=\"(https?:[^\"]+)", text)
        assert loaded == [], page


@pytest.mark.parametrize("module", [configuration, links], ids=lambda module: str(module.__name__))
def test_the_examples_of_the_generator(module: ModuleType) -> None:
    tried = doctest.testmod(module)
    assert tried.attempted > 0
    assert tried.failed == 0


def test_commands_and_code_stand_in_blocks_that_are_run() -> None:
    for page in DOCS.rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        languages = {block.language for block in blocks_of(text)}
        assert languages <= {"console", "python", "yaml", "text"}, page
        shown = [block.text for block in blocks_of(text) if block.language == "text"]
        outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
        typed = [
            line
            for part in (outside, *shown)
            for line in re.findall(r"^ *\$ .*|^ {4,}(?:mlp-|python -m mlp_exp).*", part, re.M)
        ]
        assert typed == [], page


def test_pages_show_all_images_and_none_is_large() -> None:
    texts = "".join(page.read_text(encoding="utf-8") for page in [*DOCS.rglob("*.md"), ROOT / "README.md"])
    for image in (DOCS / "images").iterdir():
        assert f"images/{image.name.replace('_dark.', '.')}" in texts, image
        assert image.stat().st_size < 150_000, image


def test_an_image_on_a_light_ground_has_a_dark_twin(site: Path) -> None:
    checked = 0
    for image in sorted((DOCS / "images").glob("*.png")):
        ground = Image.open(image).convert("RGBA").getpixel((0, 0))
        if ground != (255, 255, 255, 255):
            continue
        checked += 1
        assert (DOCS / "images" / f"{image.stem}_dark.png").exists(), image
        shown = [page for page in site.rglob("*.html") if f"_images/{image.name}" in page.read_text("utf-8")]
        assert shown, image
        for page in shown:
            classes = re.findall(rf'<img[^>]*class="([\w -]*)"[^>]*_images/({image.stem}\w*)', page.read_text("utf-8"))
            assert {(name, mode.split()[-1]) for mode, name in classes} == {
                (image.stem, "only-light"),
                (f"{image.stem}_dark", "only-dark"),
            }, page
    assert checked == 2


def test_long_names_are_broken_between_their_parts(site: Path) -> None:
    page = (site / "reference" / "figures.html").read_text(encoding="utf-8")
    assert '<span class="pre">precision_<wbr>recall_<wbr>of_<wbr>labels</span>' in page


def test_each_page_says_for_whom_it_is() -> None:
    pages = [path for kind in KINDS for path in sorted((DOCS / kind).glob("*.md"))]
    for page in [DOCS / "index.md", *pages]:
        title, blank, first = page.read_text(encoding="utf-8").splitlines()[:3]
        assert (title[:2], blank) == ("# ", ""), page
        assert first.startswith("*For those "), page


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install the package chromium")
@pytest.mark.parametrize(
    ("words", "found_first"),
    [
        ("model.dropout", "reference/configuration.html#confval-model.dropout"),
        ("class+imbalance", "how-to/class_imbalance.html"),
    ],
)
def test_the_search_works_from_a_folder(site: Path, tmp_path: Path, words: str, found_first: str) -> None:
    page = f"file://{site}/search.html?q={words}"
    command = [
        str(CHROMIUM),
        *FLAGS.split(),
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=20000",
        "--enable-logging=stderr",
        "--dump-dom",
    ]
    done = subprocess.run([*command, page], capture_output=True, text=True, check=True, timeout=120)
    found = re.findall(r'<a href="([^"]*)"', done.stdout.partition('id="search-results"')[2])
    assert any(link.startswith(found_first) for link in found)
    assert [line for line in done.stderr.splitlines() if ":CONSOLE" in line] == []
    shutil.rmtree(tmp_path)
