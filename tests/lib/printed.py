# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program printed, judged by Unicode's own categories: nothing in it may steer a terminal or fool its reader."""
import unicodedata

# Names as a hostile user may choose them: C1 as bytes and as UTF-8, ESC, bytes that are no UTF-8, direction, line separator, forged lines.
HOSTILE = [b"\x9b31m", b"\xc2\x9b31m", b"\x1b[31m", b"\x1b]0;x\x07", b"\xff\xfe", b"a\xe2\x80\xaeb", b"a\xe2\x80\xa8b", b"a\nroot/vm", b"a\rb", b"\x7f",
           b"\xf3\xa0\x81\x81"]


def steers(output, lines=True):
    """What in `output` (bytes) is neither a printable character nor the end of a line."""
    try:
        text = output.decode()
    except UnicodeDecodeError as e:
        return [str(e)]
    return [f"U+{ord(c):04X} in {text[max(0, i - 20):i + 20]!r}" for i, c in enumerate(text)
            if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not (lines and c == "\n")]
