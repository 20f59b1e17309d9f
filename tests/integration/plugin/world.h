/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tests/lib/locked_vm.h for C. */
#ifndef BERTH_TESTS_PLUGIN_WORLD_H
#define BERTH_TESTS_PLUGIN_WORLD_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The VM, until world_end(). 0: it is there; -1: it said why on standard error. */
int world_begin(void);
void world_end(void);
/* Of the VM's volume.json. */
const char* world_config(void);
/* What the disk's file holds, at the server or here; bytes that are not there are '-'. */
void world_read(const char* disk, uint64_t offset, char* to, size_t count);
uint64_t world_size(const char* disk);

#ifdef __cplusplus
}
#endif
#endif
