# SPDX-License-Identifier: GPL-3.0-or-later
"""What comments and pages point to is in this repository: files, pages, their headings, decisions; and nothing points to papers that are not."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
TOP = "base|bootstrap|cmake|docs|files|greeter|guest|image|ipxe|lock|net|overlay|server|tests|volume"
FILE = re.compile(rf"(?<![\w./-])(?:{TOP})/[\w./-]*\w\.(?:h|cpp|def|py|md|list|txt|sh|ipxe|pml|tsv)\b")
# docs/rules.md "Lock", "Taking over"
HEADING = re.compile(r'`?(docs/[\w-]+\.md)`?,? ((?:"[^"\n]+"(?:, | and )?)+)')
DECISION = re.compile(r"docs/decisions/(\d{4})")
ELSEWHERE = re.compile(r"\b(?:REQUIREMENTS|DESIGN|STYLE|LAB)\b(?!-)(?:\.md| [A-Z]\d| \"|'s|\))|\bseed(?:'s)? Figs?\b|\bissue \d|\bshared/[A-Z]+\.md")

# Their examples are of files that are not there.
MADE_UP = ("tests/integration/checkout/test_arrows.py", "tests/integration/checkout/test_citations.py")


def texts():
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True, stdout=subprocess.PIPE).stdout
    for name in sorted(tracked.decode().split("\0")):
        path = ROOT / name
        if not path.is_file() or path.is_symlink() or name == "COPYING" or "/corpus/" in name or name in MADE_UP:
            continue
        try:
            yield name, path.read_text()
        except UnicodeDecodeError:
            continue


def unwrapped(text):
    """A citation may begin on one line of a comment and end on the next."""
    return re.sub(r"\n[ \t]*(?://+<?|#|\*|--)?[ \t]*", " ", text)


def headings(page):
    return [h.replace("`", "") for h in re.findall(r"(?m)^#+ (.*)$", (ROOT / page).read_text())]


def wrong_citations(name, text):
    text = unwrapped(re.sub(r"#include <.*>", "", text))
    for path in FILE.findall(text):
        # NAME is for the reader to fill in.
        if not re.search("[A-Z]{4}", path.removesuffix("README.md")) and not (ROOT / path).exists():
            yield f"{name}: {path} is not there"
    for page, quoted in HEADING.findall(text):
        for heading in re.findall(r'"([^"]+)"', quoted):
            if (ROOT / page).exists() and not any(h.startswith(heading) for h in headings(page)):
                yield f'{name}: {page} has no heading "{heading}"'
    for number in DECISION.findall(text):
        if not list((ROOT / "docs/decisions").glob(number + "-*")):
            yield f"{name}: there is no decision {number}"
    for words in ELSEWHERE.findall(text):
        yield f"{name}: {words}: this is not in the repository"


def test_what_is_cited_is_in_the_repository():
    assert [wrong for name, text in texts() for wrong in wrong_citations(name, text)] == []


def test_each_kind_of_wrong_citation_is_found():
    for text in ("see lock/no_such.h", 'docs/rules.md "Lock", "No such"', '(docs/rules.md "No\n// such")', "docs/decisions/9999", 'DESIGN "Lock"', "REQUIREMENTS M5", "seed Fig. 7"):
        assert len(list(wrong_citations("x.h", text))) == 1, text
    assert list(wrong_citations("x.h", '(docs/rules.md "Lock",\n/// "Taking over"; docs/decisions/0002), LAB-0001')) == []
