// SPDX-License-Identifier: GPL-3.0-or-later
// CLI11's functions, compiled once for all programs (CLI11_COMPILE in base/CMakeLists.txt leaves only declarations in its headers).
// Before version 2.3 its headers are all there is.
#include <CLI/CLI.hpp>

#if __has_include(<CLI/impl/App_inl.hpp>)
#include <CLI/impl/App_inl.hpp>
#include <CLI/impl/Argv_inl.hpp>
#include <CLI/impl/Config_inl.hpp>
#include <CLI/impl/Encoding_inl.hpp>
#include <CLI/impl/Formatter_inl.hpp>
#include <CLI/impl/Option_inl.hpp>
#include <CLI/impl/Split_inl.hpp>
#include <CLI/impl/StringTools_inl.hpp>
#include <CLI/impl/Validators_inl.hpp>
#endif
