// SPDX-License-Identifier: GPL-3.0-or-later
// nbdkit plugin (nbdkit-plugin(3)): the engine's disks as NBD exports, named as the disks. Parameters:
// config=FILE (volume.json), nbd=PATH (the socket that nbdkit serves on, to be opened to the folder's group).
// No exception leaves a callback.
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/no_throw.h"
#include "base/plain_text.h"
#include "volume/core/engine.h"
#include "volume/plugin/control_server.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

namespace {

using namespace berth;
using namespace berth::volume;

/// nbdkit has one plugin per process; this is its whole state.
struct Plugin {
    std::string config_file, nbd_socket;
    VolumeConfig config;
    SystemClock clock;
    JournalReport report{"berth-volume"};
    std::unique_ptr<Engine> engine;
    std::unique_ptr<ControlServer> control;
};
std::unique_ptr<Plugin> plugin;

int complain(const Error& error) {
    nbdkit_error("%s", printable(error.to_log()).c_str());
    return -1;
}

/// -1 when it throws.
template <typename F>
int guarded(F&& body) {
    if (!plugin) return -1;  // It could not be loaded.
    constexpr int k_threw = -2;
    const int result = no_throw("berth-volume", k_threw, body);
    if (result != k_threw) return result;
    nbdkit_set_error(EIO);
    return -1;
}

int answer(int error) {
    if (error == 0) return 0;
    nbdkit_set_error(error);
    return -1;
}

void berth_load() {
    no_throw("berth-volume", [] { plugin = std::make_unique<Plugin>(); });
}

void berth_unload() {
    guarded([] {
        // The engine's threads first: they tell the control server of changes.
        if (plugin->engine) plugin->engine->end();
        plugin->control.reset();
        plugin.reset();
        return 0;
    });
}

int berth_config(const char* key, const char* value) {
    return guarded([&] {
        if (std::string_view(key) == "config")
            plugin->config_file = value;
        else if (std::string_view(key) == "nbd")
            plugin->nbd_socket = value;
        else
            return nbdkit_error("unknown parameter %s", in_quotes(key).c_str()), -1;
        return 0;
    });
}

int berth_config_complete() {
    return guarded([] {
        auto text = read_file(plugin->config_file);
        if (!text) return complain(text.error());
        auto config = parse_volume_config(*text);
        if (!config) return complain(config.error());
        plugin->config = std::move(*config);
        return 0;
    });
}

/// Threads may be made only now (nbdkit-plugin(3), "after_fork"); the NBD socket is bound, nobody is served
/// yet.
int berth_after_fork() {
    return guarded([] {
        if (plugin->engine || plugin->config.run_dir.empty()) return answer(EINVAL);
        if (!plugin->nbd_socket.empty())
            if (auto opened = open_to_group(plugin->nbd_socket); !opened) return complain(opened.error());
        auto engine = Engine::start(plugin->config, plugin->clock, plugin->report);
        if (!engine) return complain(engine.error());
        plugin->engine = std::move(*engine);
        auto control = ControlServer::start(plugin->config.run_dir + "/control.sock", *plugin->engine,
                                            plugin->report, [] { nbdkit_shutdown(); });
        if (!control) return complain(control.error());
        plugin->control = std::move(*control);
        return 0;
    });
}

/// The last connection is gone: SIGTERM, or after `stop`. Then there is nothing left to write, and this is
/// quick.
void berth_cleanup() {
    guarded([] {
        if (!plugin->engine) return 0;
        if (auto flushed = plugin->engine->flush_all(); !flushed)
            plugin->report.error("not everything is written", flushed.error());
        plugin->engine->end();
        plugin->control.reset();
        // nbdkit leaves its socket behind.
        if (!plugin->nbd_socket.empty()) ::unlink(plugin->nbd_socket.c_str());
        return 0;
    });
}

int berth_list_exports(int, int, nbdkit_exports* exports) {
    return guarded([&] {
        if (!plugin->engine) return answer(ESHUTDOWN);
        for (size_t i = 0; i < plugin->engine->disks(); i++)
            if (nbdkit_add_export(exports, plugin->engine->disk(i).name.c_str(), nullptr) == -1) return -1;
        return 0;
    });
}

/// A connection's handle is its disk's index plus one: NULL would be an error.
void* berth_open(int) {
    size_t handle = 0;
    guarded([&] {
        const char* name = nbdkit_export_name();
        if (!name) return -1;
        if (!plugin->engine) return answer(ESHUTDOWN);
        if (const auto index = plugin->engine->find(name)) {
            handle = *index + 1;
            return 0;
        }
        nbdkit_error("no disk is named %s", in_quotes(name).c_str());
        nbdkit_set_error(ENOENT);
        return -1;
    });
    return reinterpret_cast<void*>(handle);
}

/// What `body` returns for the disk of `handle`; -1 for a handle that open() did not give.
template <typename F>
int on_disk(void* handle, F&& body) {
    return guarded([&]() -> int {
        const size_t disk = reinterpret_cast<size_t>(handle) - 1;
        if (!plugin->engine) return answer(ESHUTDOWN);
        if (disk >= plugin->engine->disks()) return answer(EINVAL);
        return body(*plugin->engine, disk);
    });
}

/// nbdkit keeps a client within the disk's size; a request beyond it would change the file's.
bool is_within(const Engine& engine, size_t disk, uint32_t count, uint64_t offset) {
    const uint64_t size = engine.size(disk);
    return offset <= size && count <= size - offset;
}

int64_t berth_get_size(void* handle) {
    int64_t size = -1;
    on_disk(handle, [&](const Engine& engine, size_t disk) {
        size = static_cast<int64_t>(engine.size(disk));
        return 0;
    });
    return size;
}

/// What is taken at once: no more than the NBD protocol asks of a server, and than one connection to a file server
/// may have on its way.
int berth_block_size(void* handle, uint32_t* minimum, uint32_t* preferred, uint32_t* maximum) {
    return on_disk(handle, [&](const Engine&, size_t) {
        *minimum = 1;
        *preferred = 4096;
        *maximum = 32U << 20;
        return 0;
    });
}

int berth_can_write(void* handle) {
    return on_disk(handle, [](const Engine& engine, size_t disk) { return !engine.disk(disk).read_only; });
}

int berth_can_flush(void*) {
    return 1;
}

int berth_can_fua(void*) {
    return NBDKIT_FUA_NATIVE;
}

/// True: connections share one engine, so a flush on one covers what any of them was told is written, and all read
/// what any of them was told is written.
int berth_can_multi_conn(void*) {
    return 1;
}

// NFSv3 can neither zero, trim nor tell holes. For those disks nbdkit writes the zeros, which are the same WRITEs
// as if the engine did; and there is nothing to keep what a prefetch would bring.

int berth_can_zero(void* handle) {
    return on_disk(handle, [](const Engine& engine, size_t disk) { return engine.abilities(disk).zero; });
}

/// True: what is not fast fails at once, here or, where we cannot zero, in nbdkit.
int berth_can_fast_zero(void*) {
    return 1;
}

int berth_can_trim(void* handle) {
    return on_disk(handle, [](const Engine& engine, size_t disk) { return engine.abilities(disk).trim; });
}

int berth_can_extents(void* handle) {
    return on_disk(handle, [](const Engine& engine, size_t disk) { return engine.abilities(disk).extents; });
}

int berth_can_cache(void* handle) {
    return on_disk(handle, [](const Engine& engine, size_t disk) {
        return engine.abilities(disk).prefetch ? NBDKIT_CACHE_NATIVE : NBDKIT_CACHE_NONE;
    });
}

int berth_pread(void* handle, void* buffer, uint32_t count, uint64_t offset, uint32_t) {
    return on_disk(handle, [&](Engine& engine, size_t disk) {
        if (!is_within(engine, disk, count, offset)) return answer(EINVAL);
        return answer(engine.read(disk, static_cast<char*>(buffer), count, offset));
    });
}

int berth_pwrite(void* handle, const void* buffer, uint32_t count, uint64_t offset, uint32_t flags) {
    return on_disk(handle, [&](Engine& engine, size_t disk) {
        if (!is_within(engine, disk, count, offset)) return answer(ENOSPC);
        return answer(engine.write(disk, static_cast<const char*>(buffer), count, offset,
                                   (flags & NBDKIT_FLAG_FUA) != 0));
    });
}

int berth_flush(void* handle, uint32_t) {
    return on_disk(handle, [](Engine& engine, size_t disk) { return answer(engine.flush(disk)); });
}

/// A request of one of the other kinds; `beyond` is the errno for one beyond the end.
int perform(void* handle, BlockRequest::Kind kind, uint32_t count, uint64_t offset, uint32_t flags,
            int beyond, std::vector<Extent>* extents = nullptr) {
    return on_disk(handle, [&](Engine& engine, size_t disk) {
        if (!is_within(engine, disk, count, offset)) return answer(beyond);
        auto request = std::make_shared<BlockRequest>();
        request->kind = kind;
        request->offset = offset;
        request->count = count;
        request->fua = (flags & NBDKIT_FLAG_FUA) != 0;
        request->may_punch = (flags & NBDKIT_FLAG_MAY_TRIM) != 0;
        const int error = engine.perform(disk, request);
        if (extents != nullptr) *extents = std::move(request->extents);
        return answer(error);
    });
}

int berth_zero(void* handle, uint32_t count, uint64_t offset, uint32_t flags) {
    return perform(handle, BlockRequest::Kind::zero, count, offset, flags, ENOSPC);
}

int berth_trim(void* handle, uint32_t count, uint64_t offset, uint32_t flags) {
    return perform(handle, BlockRequest::Kind::trim, count, offset, flags, EINVAL);
}

int berth_cache(void* handle, uint32_t count, uint64_t offset, uint32_t flags) {
    return perform(handle, BlockRequest::Kind::prefetch, count, offset, flags, EINVAL);
}

int berth_extents(void* handle, uint32_t count, uint64_t offset, uint32_t flags, nbdkit_extents* extents) {
    return guarded([&] {
        std::vector<Extent> found;
        if (perform(handle, BlockRequest::Kind::extents, count, offset, flags, EINVAL, &found) != 0)
            return -1;
        for (const Extent& extent : found) {
            const uint32_t type = extent.hole ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0;
            if (nbdkit_add_extent(extents, extent.offset, extent.count, type) == -1) return -1;
            if ((flags & NBDKIT_FLAG_REQ_ONE) != 0) break;
        }
        return 0;
    });
}

nbdkit_plugin make_plugin() {
    nbdkit_plugin p{};
    p.name = "berth";
    p.longname = "Berth volume engine";
    p.load = berth_load;
    p.unload = berth_unload;
    p.config = berth_config;
    p.config_complete = berth_config_complete;
    p.config_help =
        "config=FILE  volume.json (required)\nnbd=PATH     the served socket, to be opened to its folder's "
        "group";
    p.after_fork = berth_after_fork;
    p.cleanup = berth_cleanup;
    p.list_exports = berth_list_exports;
    p.open = berth_open;
    p.get_size = berth_get_size;
    p.block_size = berth_block_size;
    p.can_write = berth_can_write;
    p.can_flush = berth_can_flush;
    p.can_fua = berth_can_fua;
    p.can_multi_conn = berth_can_multi_conn;
    p.can_zero = berth_can_zero;
    p.can_fast_zero = berth_can_fast_zero;
    p.can_trim = berth_can_trim;
    p.can_extents = berth_can_extents;
    p.can_cache = berth_can_cache;
    p.pread = berth_pread;
    p.pwrite = berth_pwrite;
    p.flush = berth_flush;
    p.zero = berth_zero;
    p.trim = berth_trim;
    p.extents = berth_extents;
    p.cache = berth_cache;
    p.errno_is_preserved = 0;
    return p;
}

nbdkit_plugin the_plugin = make_plugin();

}  // namespace

// NBDKIT_REGISTER_PLUGIN of the header is C; this is what it makes.
extern "C" __attribute__((visibility("default"))) nbdkit_plugin* plugin_init() {
    the_plugin._struct_size = sizeof the_plugin;
    the_plugin._api_version = NBDKIT_API_VERSION;
    the_plugin._thread_model = THREAD_MODEL;
    return &the_plugin;
}
