"""The documentation site: `make docs`. Nothing of it is fetched, neither to build it nor to read it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "plugins"), str(DOCS)]

from reference_pages.site import write_all  # noqa: E402

write_all(DOCS / "reference" / "generated")

project = "ML platform"
author = "The authors of the ML platform"
project_copyright = author
release = version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "sphinx_click", "sphinx_copybutton", "sphinx_design"]
needs_sphinx = "8.0"
exclude_patterns = ["_build", "reference_pages", "reference/generated/make_targets.md"]
smartquotes = False  # `--json` stays what it is

myst_enable_extensions = ["colon_fence", "deflist", "linkify", "attrs_inline"]
myst_heading_anchors = 4  # a link to a heading is checked like one to a page
myst_linkify_fuzzy_links = False

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

linkcheck_ignore = [r"http://127\.0\.0\.1.*"]  # the reader's own stack
linkcheck_timeout = 10
