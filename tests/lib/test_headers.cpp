// SPDX-License-Identifier: GPL-3.0-or-later
// The headers that the tests share are compiled with this file (cmake/berth.cmake).
int main() {}
