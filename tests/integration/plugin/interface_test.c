/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nbdkit's side of our plugin: its callbacks as nbdkit calls them, and as it never should. */
// clang-format off: cmocka.h needs what is in the headers above it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "tests/integration/plugin/world.h"

enum { k_disk = 64 << 20, k_shared = 1 << 20, k_swap = 16 << 20 };

/* What the plugin has said to nbdkit since forget(). */
static struct {
    char error[4096];
    int error_number;
    const char* export_name;
    char exports[256];
    struct {
        uint64_t offset, length;
        uint32_t type;
    } extents[16];
    int extents_added;
} said;

static void forget(void) {
    memset(&said, 0, sizeof said);
}

void nbdkit_error(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said.error, sizeof said.error, format, arguments);
    va_end(arguments);
}
void nbdkit_set_error(int error) {
    said.error_number = error;
}
const char* nbdkit_export_name(void) {
    return said.export_name;
}
void nbdkit_shutdown(void) {}
int nbdkit_add_export(struct nbdkit_exports* exports, const char* name, const char* description) {
    (void)exports;
    (void)description;
    strcat(strcat(said.exports, name), " ");
    return 0;
}
int nbdkit_add_extent(struct nbdkit_extents* extents, uint64_t offset, uint64_t length, uint32_t type) {
    (void)extents;
    assert_true(said.extents_added < 16);
    said.extents[said.extents_added].offset = offset;
    said.extents[said.extents_added].length = length;
    said.extents[said.extents_added++].type = type;
    return 0;
}

static struct nbdkit_plugin* plugin;

/* The call fails, and tells nbdkit this errno. */
#define assert_fails(error, call)                   \
    do {                                            \
        forget();                                   \
        assert_int_equal(call, -1);                 \
        assert_int_equal(said.error_number, error); \
    } while (0)

static void* open_disk(const char* name) {
    said.export_name = name;
    void* handle = plugin->open(0);
    said.export_name = NULL;
    return handle;
}

static void begin(void) {
    plugin->load();
    assert_int_equal(plugin->config("config", world_config()), 0);
    assert_int_equal(plugin->config_complete(), 0);
    assert_int_equal(plugin->after_fork(), 0);
}

static int running(void** state) {
    (void)state;
    forget();
    begin();
    return 0;
}

static int ended(void** state) {
    (void)state;
    plugin->cleanup();
    plugin->unload();
    return 0;
}

static void has_what_nbdkit_asks_for(void** state) {
    (void)state;
    assert_int_equal(plugin->_api_version, 2);
    assert_int_equal(plugin->_struct_size, sizeof *plugin);
    assert_int_equal(plugin->_thread_model, NBDKIT_THREAD_MODEL_PARALLEL);
    assert_string_equal(plugin->name, "berth");
    assert_int_equal(plugin->errno_is_preserved, 0);
}

static void serves_disks_in_nbdkits_order(void** state) {
    (void)state;
    forget();
    begin();
    assert_int_equal(plugin->list_exports(0, 0, NULL), 0);
    assert_string_equal(said.exports, "software shared swap ");
    void *software = open_disk("software"), *shared = open_disk("shared"), *swap = open_disk("swap");
    assert_non_null(software);
    assert_non_null(shared);
    assert_non_null(swap);
    assert_int_equal(plugin->get_size(software), k_disk);
    assert_int_equal(plugin->get_size(shared), k_shared);
    assert_int_equal(plugin->get_size(swap), k_swap);
    assert_int_equal(plugin->can_flush(software), 1);
    assert_int_equal(plugin->can_fua(software), NBDKIT_FUA_NATIVE);

    char there[8], back[8];
    assert_int_equal(plugin->pwrite(software, "flushed", 7, 1000, 0), 0);
    assert_int_equal(plugin->pread(software, back, 7, 1000, 0), 0);
    assert_memory_equal(back, "flushed", 7);
    assert_int_equal(plugin->flush(software, 0), 0);
    world_read("software", 1000, there, 7);
    assert_memory_equal(there, "flushed", 7);
    assert_int_equal(plugin->pwrite(software, "by FUA!", 7, 5000, NBDKIT_FLAG_FUA), 0);
    world_read("software", 5000, there, 7);
    assert_memory_equal(there, "by FUA!", 7);
    assert_int_equal(plugin->pread(shared, back, 3, 4711, 0), 0);
    assert_memory_equal(back, "BBB", 3);

    /* What was not flushed is, before the end. */
    assert_int_equal(plugin->pwrite(software, "in time", 7, 9000, 0), 0);
    plugin->cleanup();
    world_read("software", 9000, there, 7);
    assert_memory_equal(there, "in time", 7);
    plugin->unload();
}

static void says_what_is_wrong_with_its_parameters(void** state) {
    (void)state;
    forget();
    plugin->load();
    assert_int_equal(plugin->config("colour\n", "red"), -1);
    assert_string_equal(said.error, "unknown parameter \"colour\\x0a\"");
    assert_int_equal(plugin->config_complete(), -1);
    assert_int_equal(plugin->config("config", "/does/not/exist"), 0);
    assert_int_equal(plugin->config_complete(), -1);
    assert_non_null(strstr(said.error, "/does/not/exist"));
    assert_int_equal(plugin->config("config", "/proc/self/cmdline"), 0);
    assert_int_equal(plugin->config_complete(), -1);
    plugin->unload();
}

/* What it answers when it is not serving, be it too early or too late. */
static void refuses_everything(void) {
    void* handle = (void*)1;
    char byte = 0;
    uint32_t minimum, preferred, maximum;
    assert_null(open_disk("software"));
    assert_int_equal(plugin->list_exports(0, 0, NULL), -1);
    assert_int_equal(plugin->get_size(handle), -1);
    assert_int_equal(plugin->block_size(handle, &minimum, &preferred, &maximum), -1);
    assert_int_equal(plugin->can_write(handle), -1);
    assert_int_equal(plugin->can_zero(handle), -1);
    assert_int_equal(plugin->can_trim(handle), -1);
    assert_int_equal(plugin->can_extents(handle), -1);
    assert_int_equal(plugin->can_cache(handle), -1);
    assert_int_equal(plugin->pread(handle, &byte, 1, 0, 0), -1);
    assert_int_equal(plugin->pwrite(handle, &byte, 1, 0, 0), -1);
    assert_int_equal(plugin->flush(handle, 0), -1);
    assert_int_equal(plugin->zero(handle, 1, 0, 0), -1);
    assert_int_equal(plugin->trim(handle, 1, 0, 0), -1);
    assert_int_equal(plugin->cache(handle, 1, 0, 0), -1);
    assert_int_equal(plugin->extents(handle, 1, 0, 0, NULL), -1);
}

static void refuses_what_comes_in_the_wrong_order(void** state) {
    (void)state;
    /* Before load(). */
    refuses_everything();
    assert_int_equal(plugin->config("config", world_config()), -1);
    assert_int_equal(plugin->config_complete(), -1);
    assert_int_equal(plugin->after_fork(), -1);
    plugin->cleanup();
    plugin->unload();
    /* Before it was told what to serve, and before it serves. */
    plugin->load();
    assert_int_equal(plugin->after_fork(), -1);
    refuses_everything();
    assert_int_equal(plugin->config("config", world_config()), 0);
    assert_int_equal(plugin->config_complete(), 0);
    refuses_everything();
    /* nbdkit ends so when it could not begin to serve. */
    plugin->cleanup();
    plugin->unload();
    /* Twice, and after the end. */
    begin();
    assert_int_equal(plugin->after_fork(), -1);
    void* software = open_disk("software");
    char byte = 0;
    plugin->cleanup();
    assert_fails(ESHUTDOWN, plugin->pread(software, &byte, 1, 0, 0));
    assert_fails(ESHUTDOWN, plugin->pwrite(software, &byte, 1, 0, 0));
    assert_fails(ESHUTDOWN, plugin->flush(software, 0));
    plugin->cleanup();
    plugin->unload();
    refuses_everything();
    plugin->unload();
}

static void opens_no_disk_of_another_name(void** state) {
    (void)state;
    const char* names[] = {"",         "softwar", "software ", "../software", "software.raw",
                           "SOFTWARE", "\n",      "\xff"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        forget();
        assert_null(open_disk(names[i]));
        assert_int_equal(said.error_number, ENOENT);
        assert_null(strpbrk(said.error, "\n\xff"));
    }
    assert_null(open_disk(NULL));
}

static void knows_no_handle_that_it_did_not_give(void** state) {
    (void)state;
    void* handles[] = {NULL, (void*)4, (void*)-1};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++) {
        char byte = 0;
        assert_fails(EINVAL, plugin->pread(handles[i], &byte, 1, 0, 0));
        assert_fails(EINVAL, plugin->pwrite(handles[i], &byte, 1, 0, 0));
        assert_fails(EINVAL, plugin->flush(handles[i], 0));
        assert_fails(EINVAL, plugin->can_write(handles[i]));
        assert_fails(EINVAL, plugin->get_size(handles[i]));
    }
}

static void reads_and_writes_nothing_past_the_end(void** state) {
    (void)state;
    static const struct {
        uint64_t size;
        const char* name;
    } disks[] = {{k_disk, "software"}, {k_swap, "swap"}};
    for (size_t i = 0; i < 2; i++) {
        void* disk = open_disk(disks[i].name);
        const uint64_t size = disks[i].size;
        const struct {
            uint32_t count;
            uint64_t offset;
        } beyond[] = {{1, size},       {2, size - 1},          {0, size + 1},
                      {1, UINT64_MAX}, {UINT32_MAX, size - 1}, {UINT32_MAX, UINT64_MAX - UINT32_MAX + 1}};
        for (size_t j = 0; j < sizeof beyond / sizeof beyond[0]; j++) {
            char bytes[2] = "??";
            const uint32_t count = beyond[j].count;
            const uint64_t offset = beyond[j].offset;
            assert_fails(EINVAL, plugin->pread(disk, bytes, count, offset, 0));
            assert_memory_equal(bytes, "??", 2);
            assert_fails(ENOSPC, plugin->pwrite(disk, bytes, count, offset, NBDKIT_FLAG_FUA));
            assert_fails(ENOSPC, plugin->zero(disk, count, offset, 0));
            assert_fails(EINVAL, plugin->trim(disk, count, offset, 0));
            assert_fails(EINVAL, plugin->cache(disk, count, offset, 0));
            assert_fails(EINVAL, plugin->extents(disk, count, offset, 0, NULL));
        }
        char last = 'l';
        assert_int_equal(plugin->pwrite(disk, &last, 1, size - 1, NBDKIT_FLAG_FUA), 0);
        last = '?';
        assert_int_equal(plugin->pread(disk, &last, 1, size - 1, 0), 0);
        assert_int_equal(last, 'l');
        assert_int_equal(plugin->pread(disk, &last, 0, size, 0), 0);
        assert_int_equal(world_size(disks[i].name), size);
    }
}

static void changes_nothing_of_a_read_only_disk(void** state) {
    (void)state;
    void* shared = open_disk("shared");
    assert_int_equal(plugin->can_write(shared), 0);
    assert_fails(EROFS, plugin->pwrite(shared, "x", 1, 0, 0));
    assert_fails(EROFS, plugin->zero(shared, 1, 0, 0));
    assert_fails(EROFS, plugin->trim(shared, 1, 0, 0));
    assert_int_equal(plugin->flush(shared, 0), 0);
    char byte = 0;
    world_read("shared", 0, &byte, 1);
    assert_int_equal(byte, 'B');
}

static void says_of_a_disk_on_a_server_that_it_can_neither_zero_nor_trim(void** state) {
    (void)state;
    void* software = open_disk("software");
    assert_int_equal(plugin->can_write(software), 1);
    assert_int_equal(plugin->can_zero(software), 0);
    assert_int_equal(plugin->can_fast_zero(software), 1);
    assert_int_equal(plugin->can_trim(software), 0);
    assert_int_equal(plugin->can_extents(software), 0);
    assert_int_equal(plugin->can_cache(software), NBDKIT_CACHE_NONE);
    assert_fails(ENOTSUP, plugin->zero(software, 1, 0, 0));
    assert_fails(ENOTSUP, plugin->trim(software, 1, 0, 0));
    assert_fails(ENOTSUP, plugin->cache(software, 1, 0, 0));
    assert_fails(ENOTSUP, plugin->extents(software, 1, 0, 0, NULL));
}

static void zeros_trims_and_tells_the_holes_of_a_local_disk(void** state) {
    (void)state;
    void* swap = open_disk("swap");
    static char block[1 << 20], back[1 << 20];
    const uint32_t size = sizeof block;
    memset(block, 'x', sizeof block);
    assert_int_equal(plugin->can_zero(swap), 1);
    assert_int_equal(plugin->can_fast_zero(swap), 1);
    assert_int_equal(plugin->can_trim(swap), 1);
    assert_int_equal(plugin->can_extents(swap), 1);
    assert_int_equal(plugin->can_cache(swap), NBDKIT_CACHE_NATIVE);

    for (uint64_t at = 0; at < 3; at++) assert_int_equal(plugin->pwrite(swap, block, size, at * size, 0), 0);
    assert_int_equal(plugin->trim(swap, size, size, NBDKIT_FLAG_FUA), 0);
    assert_int_equal(plugin->extents(swap, 3 * size, 0, 0, NULL), 0);
    assert_int_equal(said.extents_added, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(said.extents[i].offset, (uint64_t)i * size);
        assert_int_equal(said.extents[i].length, size);
        assert_int_equal(said.extents[i].type, i == 1 ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0);
    }
    forget();
    assert_int_equal(plugin->extents(swap, 3 * size, 0, NBDKIT_FLAG_REQ_ONE, NULL), 0);
    assert_int_equal(said.extents_added, 1);
    assert_int_equal(plugin->cache(swap, size, 0, 0), 0);

    assert_int_equal(plugin->zero(swap, size, 0, NBDKIT_FLAG_MAY_TRIM | NBDKIT_FLAG_FUA), 0);
    memset(block, 0, sizeof block);
    for (uint64_t at = 0; at < 2; at++) {
        assert_int_equal(plugin->pread(swap, back, size, at * size, 0), 0);
        assert_memory_equal(back, block, size);
    }
    assert_int_equal(plugin->pread(swap, back, 1, 2 * size, 0), 0);
    assert_int_equal(back[0], 'x');
    /* Where the file system cannot, nbdkit writes the zeros. */
    forget();
    if (plugin->zero(swap, size, 2 * size, NBDKIT_FLAG_FAST_ZERO) == 0) {
        assert_int_equal(plugin->pread(swap, back, size, 2 * size, 0), 0);
        assert_memory_equal(back, block, size);
    } else {
        assert_int_equal(said.error_number, ENOTSUP);
    }
    assert_int_equal(world_size("swap"), k_swap);
}

static void tells_the_sizes_that_it_likes(void** state) {
    (void)state;
    uint32_t minimum = 0, preferred = 0, maximum = 0;
    assert_int_equal(plugin->block_size(open_disk("software"), &minimum, &preferred, &maximum), 0);
    assert_int_equal(minimum, 1);
    assert_int_equal(preferred, 4096);
    assert_int_equal(maximum, 32 << 20);
}

static void covers_by_a_flush_on_one_connection_what_was_written_on_another(void** state) {
    (void)state;
    void *one = open_disk("software"), *other = open_disk("software");
    char back[5];
    assert_int_equal(plugin->can_multi_conn(one), 1);
    assert_int_equal(plugin->pwrite(one, "first", 5, 70000, 0), 0);
    assert_int_equal(plugin->pread(other, back, 5, 70000, 0), 0);
    assert_memory_equal(back, "first", 5);
    assert_int_equal(plugin->flush(other, 0), 0);
    world_read("software", 70000, back, 5);
    assert_memory_equal(back, "first", 5);
}

enum { k_workers = 8, k_rounds = 50, k_part = 1 << 20 };

static void* works(void* number) {
    const uint64_t part = (uint64_t)(uintptr_t)number * k_part;
    char bytes[4096], back[4096];
    void* disk = (void*)1;
    for (int round = 0; round < k_rounds; round++) {
        const uint64_t offset = part + (uint64_t)(round * 7 % 64) * sizeof bytes;
        memset(bytes, 'a' + round % 26, sizeof bytes);
        if (plugin->pwrite(disk, bytes, sizeof bytes, offset, round % 10 ? 0 : NBDKIT_FLAG_FUA) != 0)
            return number;
        if (plugin->pread(disk, back, sizeof back, offset, 0) != 0) return number;
        if (memcmp(bytes, back, sizeof bytes) != 0) return number;
    }
    return NULL;
}

static void serves_many_threads_at_once(void** state) {
    (void)state;
    pthread_t threads[k_workers];
    assert_ptr_equal(open_disk("software"), (void*)1);
    for (uintptr_t i = 0; i < k_workers; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, works, (void*)(i + 1)), 0);
    for (int i = 0; i < k_workers; i++) {
        void* failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(plugin->flush((void*)1, 0), 0);
}

static int one_world(void** state) {
    (void)state;
    return world_begin();
}

static int no_world(void** state) {
    (void)state;
    world_end();
    return 0;
}

#define running_test(test) cmocka_unit_test_setup_teardown(test, running, ended)

int main(int argc, char** argv) {
    (void)argc;
    const char* machine = BERTH_SOURCE_DIR "/tests/lib/own-machine";
    if (getenv("BERTH_OWN_MACHINE") == NULL) {
        execl(machine, machine, realpath("/proc/self/exe", NULL), (char*)NULL);
        perror(argv[0]);
        return 125;
    }
    void* library = dlopen(BERTH_NBDKIT_PLUGIN, RTLD_NOW);
    struct nbdkit_plugin* (*plugin_init)(void) = NULL;
    if (library != NULL) *(void**)&plugin_init = dlsym(library, "plugin_init");
    if (plugin_init == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 125;
    }
    plugin = plugin_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_what_nbdkit_asks_for),
        cmocka_unit_test(serves_disks_in_nbdkits_order),
        cmocka_unit_test(says_what_is_wrong_with_its_parameters),
        cmocka_unit_test(refuses_what_comes_in_the_wrong_order),
        running_test(opens_no_disk_of_another_name),
        running_test(knows_no_handle_that_it_did_not_give),
        running_test(reads_and_writes_nothing_past_the_end),
        running_test(changes_nothing_of_a_read_only_disk),
        running_test(says_of_a_disk_on_a_server_that_it_can_neither_zero_nor_trim),
        running_test(zeros_trims_and_tells_the_holes_of_a_local_disk),
        running_test(tells_the_sizes_that_it_likes),
        running_test(covers_by_a_flush_on_one_connection_what_was_written_on_another),
        running_test(serves_many_threads_at_once),
    };
    return cmocka_run_group_tests_name("plugin", tests, one_world, no_world);
}
