# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads on a screen or behind a code is said in plain words. Both pages are held to what the programs say by tests of their
own: docs/error-codes.md by test_error_codes.py, docs/screens.md by Screens.are_the_page_in_docs."""
import pathlib

import pytest

DOCS = pathlib.Path(__file__).resolve().parents[3] / "docs"
WRONG = ("by itself", "stays so", "given up", "give up", "goes on", "go on", "was begun", "in order", "legal", " stands ")


@pytest.mark.parametrize("page", ["error-codes.md", "screens.md"])
def test_a_page_of_what_people_read_has_plain_words(page):
    # A sentence may be broken into lines.
    words = " ".join((DOCS / page).read_text().split())
    found = [phrase for phrase in WRONG if phrase in words]
    assert not found, f"docs/{page}: {found}: say it more plainly"
