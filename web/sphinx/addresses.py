"""Every address of the book on the internet, derived from the line `repository.url` of _config.yml.

    python web/sphinx/addresses.py OWNER/NAME BRANCH [TAG]    check that _config.yml and pyproject.toml agree with these

The site is on GitHub Pages, and the notebooks have a branch of their own, whose root is the folder that
`make notebooks` writes. Nothing else in the book may put such an address together.
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import yaml
from sphinx.application import Sphinx

from folders import ROOT

CONFIG = ROOT / "_config.yml"
NOTEBOOK_BRANCH = "notebooks"
VERIFY = "verify.ipynb"  # runs all chapters and compares their numbers with the book's
VERIFY_TITLE = "Verify the book's numbers"
REPOSITORY = re.compile(r"https://github\.com/([A-Za-z0-9][\w-]*)/([\w.-]+?)(?:\.git)?/*", re.ASCII | re.IGNORECASE)
BRANCH = re.compile(r"\w[\w./+-]*", re.ASCII)
DOMAIN = re.compile(r"https?://[\w.-]+(?::\d+)?(?:/[\w.~-]+)*/*", re.ASCII)


class AddressError(Exception):
    """An address does not follow from the configuration; the text says what to change, for a person."""


class Addresses(NamedTuple):
    """Where this copy of the book is."""

    repository: str  # https://github.com/Owner/name
    branch: str  # of the book's sources
    site: str  # ends in a slash

    def page(self, name: str, anchor: str = "") -> str:
        """Return the address of a page on the site, by the name of its source, with or without `.md`."""
        return f"{self.site}{quote(name.removesuffix('.md'))}.html" + (f"#{anchor}" if anchor else "")

    def binder(self, notebook: str) -> str:
        """Return the link that opens a notebook in JupyterLab on Binder."""
        return f"https://mybinder.org/v2/gh/{self._slug()}/{NOTEBOOK_BRANCH}?urlpath=lab/tree/{quote(notebook)}"

    def colab(self, notebook: str) -> str:
        """Return the link that opens a notebook on Colab."""
        return f"https://colab.research.google.com/github/{self._slug()}/blob/{NOTEBOOK_BRANCH}/{quote(notebook)}"

    def kaggle(self, notebook: str) -> str:
        """Return the link that copies a notebook to Kaggle."""
        return f"https://kaggle.com/kernels/welcome?src={self.repository}/blob/{NOTEBOOK_BRANCH}/{quote(notebook)}"

    def codespaces(self) -> str:
        """Return the link that opens all notebooks in GitHub Codespaces, which cannot be told to open one of them."""
        return f"https://codespaces.new/{self._slug()}/tree/{NOTEBOOK_BRANCH}?quickstart=1"

    def jupyterhub(self, notebook: str) -> str:
        """Return the link that fetches the notebooks with nbgitpuller and opens one, relative to a hub's address."""
        folder = self.repository.rpartition("/")[2]
        place = quote(f"lab/tree/{folder}/{notebook}", safe="")
        repository = quote(self.repository, safe="")
        return f"hub/user-redirect/git-pull?repo={repository}&branch={NOTEBOOK_BRANCH}&urlpath={place}"

    def raw(self, file: str) -> str:
        """Return the address from which pip or a browser downloads a file of the branch of notebooks."""
        return f"{self.repository}/raw/{NOTEBOOK_BRANCH}/{quote(file)}"

    def commit(self, commit: str) -> str:
        """Return the address of a commit."""
        return f"{self.repository}/commit/{commit}"

    def _slug(self) -> str:
        return self.repository.removeprefix("https://github.com/")


def notebook(page: str) -> str:
    """Return the name that a page's notebook has in the branch of notebooks: book/train.md has train.ipynb."""
    return page.removeprefix("book/").removesuffix(".md") + ".ipynb"


def read(config: Path = CONFIG) -> Addresses:
    """Return the addresses that follow from a _config.yml.

    Raises
    ------
    AddressError
        An entry is missing, or the repository is not on GitHub.
    """
    try:
        settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise AddressError(f"{config.name} is not valid YAML: {' '.join(str(error).split())}") from error
    url, branch = (_entry(settings, "repository", name) for name in ("url", "branch"))
    found = REPOSITORY.fullmatch(str(url).strip())
    if not found or found[2] in {".", "..", ".git"}:
        raise AddressError(
            f"{config.name}: repository.url is {url!r}; expected https://github.com/OWNER/NAME, since the site, its "
            "launch links and the workflows follow from it and are made for GitHub: change the line `url:` under "
            "`repository:`"
        )
    if not isinstance(branch, str) or not BRANCH.fullmatch(branch) or branch == NOTEBOOK_BRANCH:
        raise AddressError(
            f"{config.name}: repository.branch is {branch!r}; expected the default branch of the repository, such as "
            f"main, and not {NOTEBOOK_BRANCH}, which publishing overwrites: change `branch:` under `repository:`"
        )
    owner, name = found.groups()
    return Addresses(f"https://github.com/{owner}/{name}", branch, _site(config, settings, owner, name))


def _site(config: Path, settings: dict[str, Any], owner: str, name: str) -> str:
    """Return the custom domain, or where GitHub Pages puts the site: it lowers the owner's case, not the name's."""
    domain = _entry(settings, "html", "baseurl")
    if domain:
        if not DOMAIN.fullmatch(str(domain)):
            raise AddressError(
                f"{config.name}: html.baseurl is {domain!r}; expected the address of a custom domain, such as "
                "https://book.example.org, or no such line: change `baseurl:` under `html:`"
            )
        return str(domain).rstrip("/") + "/"
    host = f"{owner}.github.io".lower()
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def _entry(settings: object, section: str, name: str) -> object:
    """Return an entry of the configuration, or None where it or its section is missing."""
    entries = settings.get(section) if isinstance(settings, dict) else None
    return entries.get(name) if isinstance(entries, dict) else None


def check_place(addresses: Addresses, repository: str, branch: str, tag: str, version: str) -> None:
    """Raise an AddressError unless this is the repository, the default branch and the version that we publish.

    A site whose links all lead to the repository that it was copied from would look right to whoever builds it.
    """
    if addresses.repository.lower() != f"https://github.com/{repository}".lower():
        raise AddressError(
            f"{CONFIG.name}: repository.url names {addresses.repository}, but this repository is "
            f"https://github.com/{repository}: change the line `url:` under `repository:`"
        )
    if addresses.branch != branch:
        raise AddressError(
            f"{CONFIG.name}: repository.branch is {addresses.branch!r}, but the default branch of this repository is "
            f"{branch!r}: change `branch:` under `repository:`"
        )
    if tag and tag != f"v{version}":
        raise AddressError(
            f"the tag is {tag}, but the version in pyproject.toml is {version}, and expected is the tag v{version}: "
            "delete the tag, or change the version and tag again"
        )


def set_addresses(app: Sphinx, config: Any) -> None:
    """Let Sphinx and every page know where the site and its repository are."""
    here = read(Path(app.confdir, "_config.yml"))
    config.html_baseurl = here.site
    config.html_context["addresses"] = here


def setup(app: Sphinx) -> dict[str, Any]:
    """Wait for the configuration."""
    app.connect("config-inited", set_addresses)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def main() -> None:
    """Check what a workflow says of the place where it runs."""
    repository, branch, *tag = sys.argv[1:]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    check_place(read(), repository, branch, "".join(tag), version)


if __name__ == "__main__":
    try:
        main()
    except AddressError as error:
        sys.exit(f"addresses: {error}")
