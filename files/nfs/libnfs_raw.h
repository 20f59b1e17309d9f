// SPDX-License-Identifier: GPL-3.0-or-later
// libnfs's raw calls, in the order in which its headers depend on each other. For volume's own .cpp files
// only.
#pragma once

// clang-format off
#include <nfsc/libnfs-zdr.h>
#include <nfsc/libnfs.h>
#include <nfsc/libnfs-raw.h>
#include <nfsc/libnfs-raw-mount.h>
#include <nfsc/libnfs-raw-nfs.h>
#include <nfsc/libnfs-raw-portmap.h>
// clang-format on
