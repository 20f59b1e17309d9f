# SPDX-License-Identifier: GPL-3.0-or-later
"""A test's name is a sentence that can be read without its fixture: at least three words, and none that only continues the fixture's name. A test that a
page of docs/ names exists."""
import fnmatch
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
CONTINUES = {"and", "as", "of", "so", "that", "which", "whose", "with"}


def text_of(*patterns):
    listed = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT, check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return "\n".join((ROOT / path).read_text() for path in listed.splitlines() if (ROOT / path).exists())


def cpp_tests(text):
    return [".".join(found) for found in re.findall(r"(?m)^\s*TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", text)]


def python_tests(text):
    return re.findall(r"(?m)^def (test_\w+)", text)


def no_sentences(tests):
    words = {test: re.sub(r"^test_|^\w+\.", "", test).split("_") for test in tests}
    return [test for test in tests if len(words[test]) < 3 or words[test][0] in CONTINUES]


def test_every_name_of_a_test_is_a_sentence():
    cpp, python = cpp_tests(text_of("*_test.cpp")), python_tests(text_of("tests/**/test_*.py"))
    assert len(cpp) > 1000 and len(python) > 300
    assert no_sentences(cpp + python) == []


def test_a_name_that_is_not_a_sentence_is_found():
    bad = 'TEST(Message, that_is_malformed_is_an_error) {\nTEST_F(SessionTest, answers_status) {\n TEST_P(Lines,\n   of_a_guest_end) {'
    assert len(no_sentences(cpp_tests(bad))) == 3
    assert no_sentences(python_tests("def test_a_clone_boots(x):\ndef test_remove():\n")) == ["test_remove"]


def named(page, tests):
    """Each test that a page names, with "*" for the rest."""
    fixtures = {test.split(".")[0] for test in tests if "." in test}
    found = re.findall(r"`(\w+)\.([a-z][\w*]*)`", page)
    return {f"{fixture}.{name}" for fixture, name in found if fixture in fixtures} | set(re.findall(r"`(test_\w+\*?)`", page))


def test_every_test_that_the_docs_name_exists():
    tests = cpp_tests(text_of("*_test.cpp")) + python_tests(text_of("tests/**/test_*.py"))
    wanted = named(text_of("docs/*.md"), tests)
    assert len(wanted) > 50
    assert sorted(name for name in wanted if not fnmatch.filter(tests, name)) == []
