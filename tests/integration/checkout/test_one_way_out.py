# SPDX-License-Identifier: GPL-3.0-or-later
"""base/output.cpp is the only file of the programs that writes to standard output or standard error, and base/plain_text.cpp the only one that tells what
is UTF-8 and what may be printed."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
PRINTS = re.compile(r"\bfmt::print\b|\bstd::print|\bstd::cout\b|\bstd::cerr\b|\bstd::clog\b|\bf?puts\s*\(|\bputchar\b|\bv?f?d?printf\s*\(|\bfwrite\b|\bperror\s*\("
                    r"|\bstdout\b|\bstderr\b|\bSTD(OUT|ERR)_FILENO\b|\bCLI11_PARSE\b|\bapp\.exit\b")
DECODES = re.compile(r"\biscntrl\b|\bisprint\b|\biswprint\b|<\s*' '|<\s*0x20\b(?!\s*\|\|\s*c > 0x2f)|[<>]=?\s*'~'|0x7f\b|0xc2\b|& 0xc0\b|mbrtowc|mbtowc|codecvt")
# greeter/ui-text/screen.cpp: ncurses draws there what greeter/ui/text.h made of a text, which calls printable().
# The keys of a terminal, bytes that are not text, and an address in a request, of which any byte but a control character may be escaped.
OTHER_BYTES = {"greeter/ui/keys.cpp", "server/vmtools/tar_index.cpp", "net/request_target.cpp"}


def sources():
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "base", "net", "files", "lock", "guest", "volume", "greeter", "bootstrap", "server"],
                            cwd=ROOT, text=True, capture_output=True, check=True).stdout.split()
    return [p for p in listed if re.search(r"\.(cpp|h|in)$", p) and not p.endswith("_test.cpp") and "/testing/" not in p and (ROOT / p).exists()]


def found(pattern, without):
    hits = []
    for path in sources():
        if path in without:
            continue
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            code = re.sub(r"//.*", "", line)
            if pattern.search(code):
                hits.append(f"{path}:{number}: {line.strip()}")
    return hits


def test_nothing_prints_around_the_one_way_out():
    assert len(sources()) > 200
    assert found(PRINTS, {"base/output.cpp", "base/output.h", "greeter/ui-text/screen.cpp"}) == []


def test_one_file_decides_what_is_printable():
    assert found(DECODES, {"base/plain_text.cpp", *OTHER_BYTES}) == []


def test_another_way_out_would_be_found(tmp_path):
    for line in ('fmt::print("{}", x);', "std::cout << x;", "puts(x)", 'std::fprintf(stderr, "%s", x);', "write(STDOUT_FILENO, x, n)", "CLI11_PARSE(app, a, b);"):
        assert PRINTS.search(line), line
    for line in ("if (c < ' ' || c == 0x7f)", "std::isprint(c)", "first < 0xc2", "(byte & 0xc0) == 0x80", "c <= '~'"):
        assert DECODES.search(line), line
