# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes that terminals send for keys with which people leave login screens, by name."""
KEYS = {
    "Ctrl-@": b"\x00", "Ctrl-A": b"\x01", "Ctrl-B": b"\x02", "Ctrl-C": b"\x03", "Ctrl-D": b"\x04", "Ctrl-E": b"\x05", "Ctrl-F": b"\x06",
    "Ctrl-G": b"\x07", "Ctrl-K": b"\x0b", "Ctrl-L": b"\x0c", "Ctrl-N": b"\x0e", "Ctrl-O": b"\x0f", "Ctrl-Q": b"\x11",
    "Ctrl-S": b"\x13", "Ctrl-T": b"\x14", "Ctrl-U": b"\x15", "Ctrl-V": b"\x16", "Ctrl-W": b"\x17", "Ctrl-X": b"\x18", "Ctrl-Y": b"\x19",
    "Ctrl-Z": b"\x1a", "Ctrl-\\": b"\x1c", "Ctrl-^": b"\x1e", "Ctrl-_": b"\x1f", "Ctrl-?": b"\x7f", "Tab": b"\t",
    "Escape": b"\x1b", "Escape twice": b"\x1b\x1b", "Alt-x": b"\x1bx", "Alt-Enter": b"\x1b\r",
    "F1 linux": b"\x1b[[A", "F5 linux": b"\x1b[[E", "F1 xterm": b"\x1bOP", "F1 vt220": b"\x1b[11~", "F2 vt220": b"\x1b[12~",
    "F10": b"\x1b[21~", "F12": b"\x1b[24~", "Do": b"\x1b[29~", "Help": b"\x1b[28~",
    "Alt-F1 linux": b"\x1b\x1b[[A", "Alt-F2 linux": b"\x1b\x1b[[B", "Alt-F2 xterm": b"\x1b[1;3Q", "Ctrl-Alt-F2": b"\x1b[1;7Q", "Ctrl-Alt-F7": b"\x1b[18;7~",
    "Alt-Left": b"\x1b[1;3D", "Alt-Right": b"\x1b\x1b[C", "Ctrl-Alt-Del": b"\x1b[3;7~", "Ctrl-Del": b"\x1b[3;5~",
    "Ctrl-Alt-Backspace": b"\x1b\x08", "Alt-SysRq-b": b"\x1b[25~b", "Alt-SysRq-k": b"\x1bk", "Break": b"\x00\x00\x00", "Scroll Lock": b"\x1b[26~",
    "Ctrl-Break": b"\x03\x1c", "Insert": b"\x1b[2~", "Home": b"\x1b[1~", "End": b"\x1b[4~", "device report": b"\x1b[?1;2c",
    "cursor report": b"\x1b[24;80R", "colour report": b"\x1b]11;rgb:0000/0000/0000\x1b\\", "status report": b"\x1bP1$r0m\x1b\\",
    "pasted": b"\x1b[200~/bin/sh\r\x1b[201~", "mouse": b"\x1b[<0;1;1M", "kitty Ctrl-C": b"\x1b[99;5u", "8-bit CSI": b"\x9bA", "no UTF-8": b"\xff\xfe\xc0",
    "shell talk": b"!sh\r", "less talk": b"v:!sh\r", "ssh talk": b"\r~C", "telnet talk": b"\x1e]", "long": b"A" * 5000,
}
