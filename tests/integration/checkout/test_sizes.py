# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a file and a function of the product may be. What is longer is in a list here with its limit: it may not grow, and
leaves the list when it is short enough."""
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
ROOMS = ["base", "bootstrap", "files", "greeter", "guest", "lock", "net", "server", "volume"]
MOST_FILE, MOST_FUNCTION = 400, 60

# Lines, at most.
LONG_FILES = {
    "files/helper/files_helper.cpp": 535,
    "files/helper/wire.cpp": 441,
    "files/nfs/nfs_session.cpp": 462,
    "greeter/supervisor/greeter.cpp": 500,
    "guest/libvirt/hypervisor_libvirt.cpp": 409,
    "server/boot/image_builds.cpp": 430,
    "server/store/store.cpp": 689,
}
# "FILE: FUNCTION".
LONG_FUNCTIONS = {
    "files/helper/wire.cpp: request_body": 69,
    "files/helper/wire.cpp: reply_body": 67,
    "lock/protocol.cpp: LockProtocol::attempt": 71,
}

# What holds a brace and is no code: comments, strings, characters (not 1'000) and what the preprocessor reads.
NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+'|^[ \t]*\#(?:\\\n|[^\n])*""",
    re.S | re.M)
# A word in front of a constructor's "{": it begins a member's value, not the body.
MEMBER_VALUE = re.compile(r"\)\s*(?:noexcept\s*)?:(?!:).*[\w>]$", re.S)


def head_kind(head):
    """What "{" begins behind `head`, outside of functions: "scope" (a namespace or type), "function", "value"."""
    outside = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", head))
    if MEMBER_VALUE.search(head):
        return "value"
    without_template = re.sub(r"template\s*<[^{}]*?>\s*(?=\w)", "", head)
    if re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$", without_template):
        return "scope"
    if "(" in head and "=" not in re.sub(r"operator\S+|[<>!=]=", "", outside):
        return "function"
    return "value"


def functions(text):
    """(name, first line, number of lines) of each; a lambda belongs to the function that it is in."""
    code = NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    found, stack, begin = [], [], 0
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        inside = any(kind == "function" for kind, _ in stack)
        if match[0] == "{":
            head = code[begin:at].strip()
            kind = "block" if inside else head_kind(head)
            stack.append((kind, begin + len(code[begin:at]) - len(code[begin:at].lstrip())))
            if kind in ("scope", "function"):
                begin = at + 1
        elif match[0] == "}":
            kind, start = stack.pop()
            if kind == "function":
                name = re.search(r"([\w:~]+|operator\S+)\s*\(", code[start:at])
                first = code.count("\n", 0, start) + 1
                found.append((name[1] if name else "?", first, code.count("\n", 0, at) + 2 - first))
            if kind in ("scope", "function") or not inside and kind == "block":
                begin = at + 1
        elif not inside and not any(kind == "value" for kind, _ in stack):
            begin = at + 1
    return found


def product():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--", *ROOMS], check=True, capture_output=True, text=True).stdout
    return [path for path in listed.split("\0") if re.search(r"\.(cpp|h)$", path) and not path.endswith("_test.cpp") and "/tests/" not in path]


def faults(kind, most, listed, sizes):
    """`sizes`: name, place and number of lines of all there are."""
    found, present = [], {}
    for name, place, lines in sizes:
        present[name] = max(lines, present.get(name, 0))
        limit = listed.get(name, most)
        if lines > limit:
            found.append(f"{place}: a {kind} of {lines} lines: at most {limit}")
    found += [f"{name}: has {present.get(name, 0)} lines, at most {most} need no list: take it out of the list of long {kind}s"
              for name in listed if present.get(name, 0) <= most]
    return found


def test_no_file_is_too_long():
    sizes = [(path, path, len((ROOT / path).read_text().splitlines())) for path in product()]
    found = faults("file", MOST_FILE, LONG_FILES, sizes)
    assert sizes and not found, "\n".join(found)


def test_no_function_is_too_long():
    sizes = [(f"{path}: {name}", f"{path}:{first}: {name}", lines)
             for path in product() for name, first, lines in functions((ROOT / path).read_text())]
    found = faults("function", MOST_FUNCTION, LONG_FUNCTIONS, sizes)
    assert len(sizes) > 1000 and not found, "\n".join(found)


def test_what_grew_is_named_with_both_numbers_and_what_shrank_leaves_the_list():
    assert faults("file", 10, {"b": 20}, [("a", "a", 10), ("b", "b", 20)]) == []
    assert faults("file", 10, {}, [("a", "a:1", 11)]) == ["a:1: a file of 11 lines: at most 10"]
    assert faults("file", 10, {"a": 20}, [("a", "a", 21)]) == ["a: a file of 21 lines: at most 20"]
    assert "take it out" in faults("file", 10, {"a": 20}, [("a", "a", 10)])[0]
    assert "take it out" in faults("file", 10, {"gone": 20}, [])[0]


def test_a_function_is_counted_from_its_head_to_its_last_brace():
    assert functions("""\
#define M(x) { x
namespace a {
constexpr int k_table[] = {1, 2};
struct S : Base<int> {
    S(int x) : a_{x}, b_(1'000) {
        f("}", '{');  // }
    }
    int a_{}, b_ = g({1});
    bool operator==(const S&) const = default;
};
template <typename T>
auto S::each(T f, int n = 3)
    -> int {
    const auto inner = [&] {
        return R"(})";
    };
    if (n) { return 1; }
    return inner();
}
struct T { int x; } t;
int last() { return 1; }
}
""") == [("S", 5, 3), ("S::each", 11, 9), ("last", 21, 1)]
