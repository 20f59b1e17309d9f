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

size_t disk_of(void* handle) {
    return reinterpret_cast<size_t>(handle) - 1;
}

int64_t berth_get_size(void* handle) {
    return static_cast<int64_t>(plugin->engine->size(disk_of(handle)));
}

int berth_can_write(void* handle) {
    return !plugin->engine->disk(disk_of(handle)).read_only;
}

int berth_can_flush(void*) {
    return 1;
}

int berth_can_fua(void*) {
    return NBDKIT_FUA_NATIVE;
}

/// True: connections share one engine, so a flush on one covers what any of them was told is written.
int berth_can_multi_conn(void*) {
    return 1;
}

int berth_pread(void* handle, void* buffer, uint32_t count, uint64_t offset, uint32_t) {
    return guarded([&] {
        return answer(plugin->engine->read(disk_of(handle), static_cast<char*>(buffer), count, offset));
    });
}

int berth_pwrite(void* handle, const void* buffer, uint32_t count, uint64_t offset, uint32_t flags) {
    return guarded([&] {
        return answer(plugin->engine->write(disk_of(handle), static_cast<const char*>(buffer), count, offset,
                                            (flags & NBDKIT_FLAG_FUA) != 0));
    });
}

int berth_flush(void* handle, uint32_t) {
    return guarded([&] { return answer(plugin->engine->flush(disk_of(handle))); });
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
    p.can_write = berth_can_write;
    p.can_flush = berth_can_flush;
    p.can_fua = berth_can_fua;
    p.can_multi_conn = berth_can_multi_conn;
    p.pread = berth_pread;
    p.pwrite = berth_pwrite;
    p.flush = berth_flush;
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
