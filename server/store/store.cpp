// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/store/store.h"

#include <fcntl.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/strict_json.h"
#include "base/text.h"
#include "server/model/text.h"

namespace berth::server {
namespace {

using soci::into;
using soci::use;

/// Step n brings a database of version n to n+1. A released step never changes.
const std::vector<std::vector<const char*>> k_schema{
    {"CREATE TABLE machines (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, name TEXT NOT NULL UNIQUE, "
     "uuid TEXT NOT NULL, serial TEXT NOT NULL, enabled INTEGER NOT NULL, marked INTEGER NOT NULL, "
     "settings TEXT NOT NULL, created INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0, "
     "platform TEXT NOT NULL DEFAULT '', boot_id TEXT NOT NULL DEFAULT '', stage TEXT NOT NULL DEFAULT '', "
     "percent INTEGER NOT NULL DEFAULT -1, error TEXT NOT NULL DEFAULT '', facts TEXT NOT NULL DEFAULT "
     "'null', "
     "session TEXT NOT NULL DEFAULT 'null') STRICT",
     "CREATE INDEX machines_uuid ON machines (uuid)",
     "CREATE TABLE macs (mac TEXT PRIMARY KEY, machine TEXT NOT NULL REFERENCES machines (id) ON DELETE "
     "CASCADE, "
     "position INTEGER NOT NULL) STRICT, WITHOUT ROWID",
     "CREATE INDEX macs_machine ON macs (machine)",
     "CREATE TABLE tokens (n INTEGER PRIMARY KEY AUTOINCREMENT, "
     "machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE, token TEXT NOT NULL, made INTEGER "
     "NOT NULL) STRICT",
     "CREATE INDEX tokens_machine ON tokens (machine, n)",
     "CREATE TABLE states (machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE, name TEXT NOT "
     "NULL, "
     "body TEXT NOT NULL, written INTEGER NOT NULL, PRIMARY KEY (machine, name)) STRICT, WITHOUT ROWID",
     "CREATE TABLE policy (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID"},
    {"CREATE INDEX machines_board ON machines (uuid, serial)",
     "CREATE TABLE conflicts (machine TEXT NOT NULL REFERENCES machines (id) ON DELETE CASCADE, mac TEXT NOT "
     "NULL, uuid TEXT NOT NULL, serial TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, times "
     "INTEGER NOT NULL, PRIMARY KEY (machine, mac, uuid, serial)) STRICT, WITHOUT ROWID"},
    {"ALTER TABLE tokens ADD COLUMN image TEXT NOT NULL DEFAULT ''",
     "ALTER TABLE tokens ADD COLUMN site TEXT NOT NULL DEFAULT ''",
     "CREATE INDEX tokens_image ON tokens (image)", "CREATE INDEX tokens_site ON tokens (site)"},
    {"ALTER TABLE machines ADD COLUMN again INTEGER NOT NULL DEFAULT 0"},
};

constexpr const char* k_columns =
    "SELECT id, name, uuid, serial, enabled, marked, settings, seen, platform, boot_id, stage, percent, "
    "error, facts, "
    "session, again FROM machines ";

/// A row may be of an older version, or edited by hand: what is not JSON counts as nothing.
nlohmann::json stored_json(const std::string& text) {
    static const JsonFormat format{
        .name = "row of the database",
        .code = ErrorCode::P04,
        .unknown = JsonFormat::ignore,
        .why = "outlives versions: what is not known is kept, or shown as not valid"};
    return parse_json(text, format).value_or(nlohmann::json());
}

/// Rows are checked again as they come in: a hand-edited database must not become a script. What is not valid
/// goes to `refused`.
Settings stored_settings(const nlohmann::json& value, Settings& refused) {
    Settings settings;
    if (!value.is_object()) return settings;
    for (const auto& [key, stored] : value.items()) {
        const auto* rule = find_setting(key);
        if (rule == nullptr) continue;
        const std::string* given = json_text(stored);
        const std::string text = given != nullptr ? *given : dump_json(stored);
        if (auto checked = checked_setting(*rule, text); checked)
            settings[key] = *checked;
        else
            refused[key] = text;
    }
    return settings;
}

/// What is written: the settings, and what an admin has not yet replaced.
Settings with_refused(Settings settings, const Settings& refused) {
    settings.insert(refused.begin(), refused.end());
    return settings;
}

std::string settings_text(const Machine& machine) {
    return dump_json(with_refused(machine.settings, machine.refused));
}

std::vector<Machine> select_machines(soci::session& sql, const std::string& where,
                                     const std::string& value = "") {
    struct Row {
        std::string id, name, uuid, serial, settings, platform, boot_id, stage, error, facts, session;
        int enabled = 0, marked = 0, percent = 0, again = 0;
        long long seen = 0;
    } r;
    soci::statement statement(sql);
    for (auto* text : {&r.id, &r.name, &r.uuid, &r.serial}) statement.exchange(into(*text));
    statement.exchange(into(r.enabled));
    statement.exchange(into(r.marked));
    statement.exchange(into(r.settings));
    statement.exchange(into(r.seen));
    for (auto* text : {&r.platform, &r.boot_id, &r.stage}) statement.exchange(into(*text));
    statement.exchange(into(r.percent));
    for (auto* text : {&r.error, &r.facts, &r.session}) statement.exchange(into(*text));
    statement.exchange(into(r.again));
    if (where.find(":value") != std::string::npos) statement.exchange(use(value, "value"));
    statement.alloc();
    statement.prepare(k_columns + where);
    statement.define_and_bind();
    std::vector<Machine> machines;
    for (bool more = statement.execute(true); more; more = statement.fetch()) {
        Machine m{.id = r.id,
                  .name = r.name,
                  .uuid = r.uuid,
                  .serial = r.serial,
                  .enabled = r.enabled != 0,
                  .marked = r.marked != 0};
        m.settings = stored_settings(stored_json(r.settings), m.refused);
        m.status = {.seen = r.seen,
                    .boot_id = r.boot_id,
                    .stage = r.stage,
                    .error = r.error,
                    .platform = r.platform,
                    .percent = r.percent,
                    .again = r.again,
                    .facts = stored_json(r.facts),
                    .session = stored_json(r.session)};
        machines.push_back(std::move(m));
    }
    std::map<std::string, Machine*> by_id;
    for (auto& m : machines) by_id[m.id] = &m;
    std::string mac, owner;
    const bool one = machines.size() == 1;
    const std::string only = one ? machines.front().id : "";
    soci::statement macs(sql);
    macs.exchange(into(mac));
    macs.exchange(into(owner));
    if (one) macs.exchange(use(only, "id"));
    macs.alloc();
    macs.prepare(std::string("SELECT mac, machine FROM macs ") + (one ? "WHERE machine = :id " : "") +
                 "ORDER BY position");
    macs.define_and_bind();
    if (!machines.empty())
        for (bool more = macs.execute(true); more; more = macs.fetch())
            if (auto m = by_id.find(owner); m != by_id.end()) m->second->macs.push_back(mac);
    return machines;
}

Result<Machine> machine_of(soci::session& sql, const std::string& id) {
    auto found = select_machines(sql, "WHERE id = :value", id);
    if (found.empty()) return fail(ErrorCode::P02, "machine {}", id);
    return std::move(found.front());
}

void write_macs(soci::session& sql, const Machine& machine) {
    sql << "DELETE FROM macs WHERE machine = :id", use(machine.id);
    int position = 0;
    for (const auto& mac : machine.macs) {
        sql << "INSERT INTO macs (mac, machine, position) VALUES (:mac, :id, :position)", use(mac),
            use(machine.id), use(position);
        ++position;
    }
}

/// P07 if name, a MAC, or UUID and serial of a machine without any MAC is another's.
Status check_free(soci::session& sql, const Machine& machine) {
    std::string other;
    for (const auto& mac : machine.macs) {
        sql << "SELECT machine FROM macs WHERE mac = :mac AND machine <> :id", use(mac), use(machine.id),
            into(other);
        if (sql.got_data()) return fail(ErrorCode::P07, "MAC {} is {}'s", mac, other);
    }
    sql << "SELECT id FROM machines WHERE name = :name AND id <> :id", use(machine.name), use(machine.id),
        into(other);
    if (sql.got_data()) return fail(ErrorCode::P07, "name {} is {}'s", machine.name, other);
    if (!machine.macs.empty() || machine.uuid.empty() || machine.serial.empty()) return {};
    sql << "SELECT id FROM machines WHERE uuid = :uuid AND serial = :serial AND id <> :id", use(machine.uuid),
        use(machine.serial), use(machine.id), into(other);
    if (sql.got_data())
        return fail(ErrorCode::P07, "UUID {} and serial {} without a MAC are {}'s", machine.uuid,
                    machine.serial, other);
    return {};
}

/// A record by which a machine can be known.
Status check_identity(const Machine& machine) {
    if (machine.macs.empty() && (machine.uuid.empty() || machine.serial.empty()))
        return fail(ErrorCode::P06, "machine {}: must have a MAC, or a UUID and a serial number",
                    machine.name);
    if (machine.macs.size() > k_max_macs)
        return fail(ErrorCode::P06, "machine {}: must have at most {} MACs", machine.name, k_max_macs);
    const auto placeholder = [](const char* what, const std::string& value) {
        return fail(ErrorCode::P06, "{} \"{}\": must be one that no other machine carries", what, value);
    };
    for (const auto& mac : machine.macs)
        if (is_placeholder_mac(mac)) return placeholder("MAC", mac);
    if (!machine.uuid.empty() && is_placeholder_uuid(machine.uuid)) return placeholder("UUID", machine.uuid);
    if (!machine.serial.empty() && is_placeholder_serial(machine.serial))
        return placeholder("serial", machine.serial);
    return {};
}

bool same_hardware(const Machine& a, const Machine& b) {
    return a.macs == b.macs && a.uuid == b.uuid && a.serial == b.serial;
}

/// The record with the MAC, and those with UUID and serial.
std::vector<Machine> candidates(soci::session& sql, const Hardware& seen) {
    std::vector<Machine> found;
    if (!seen.mac.empty())
        found = select_machines(sql, "WHERE id = (SELECT machine FROM macs WHERE mac = :value)", seen.mac);
    if (seen.uuid.empty() || seen.serial.empty()) return found;
    std::vector<std::string> ids;
    std::string id;
    const std::string swapped = swapped_uuid(seen.uuid);
    // Three tell all that matters: more records than one with them are a conflict.
    soci::statement boards =
        (sql.prepare << "SELECT id FROM machines WHERE uuid IN (:uuid, :swapped) AND serial = :serial ORDER "
                        "BY n LIMIT 3",
         use(seen.uuid), use(swapped), use(seen.serial), into(id));
    for (bool more = boards.execute(true); more; more = boards.fetch()) ids.push_back(id);
    for (const auto& board : ids)
        if (found.empty() || found.front().id != board) {
            auto one = select_machines(sql, "WHERE id = :value", board);
            std::ranges::move(one, std::back_inserter(found));
        }
    return found;
}

Store::Identified identified(soci::session& sql, const Hardware& seen) {
    auto found = candidates(sql, seen);
    Store::Identified result{identify(seen, found), {}};
    if (result.who.match == Match::found || result.who.match == Match::mac_added)
        for (auto& machine : found)
            if (machine.id == result.who.record) result.machine = std::move(machine);
    return result;
}

void write_hardware(soci::session& sql, const Machine& machine) {
    sql << "UPDATE machines SET uuid = :uuid, serial = :serial WHERE id = :id", use(machine.uuid),
        use(machine.serial), use(machine.id);
    write_macs(sql, machine);
}

/// A machine that has a record now is a conflict no more.
void forget_conflicts_of(soci::session& sql, const Machine& machine) {
    if (machine.uuid.empty() || machine.serial.empty()) return;
    sql << "DELETE FROM conflicts WHERE uuid = :uuid AND serial = :serial", use(machine.uuid),
        use(machine.serial);
}

/// Never taken: an admin may have given this very name to another machine.
std::string default_name(soci::session& sql, const Machine& machine) {
    std::string base = "berth-";
    for (char c : machine.macs.empty() ? machine.uuid.substr(0, 18) : machine.macs.front())
        if (c != ':' && c != '-') base += c;
    std::string name = base;
    for (int n = 2;; ++n) {
        int taken = 0;
        sql << "SELECT count(*) FROM machines WHERE name = :name", use(name), into(taken);
        if (taken == 0) return name;
        name = fmt::format("{}-{}", base, n);
    }
}

/// Version 1 stored whatever a machine sent.
void forget_placeholders(soci::session& sql) {
    for (Machine& machine : select_machines(sql, "ORDER BY n")) {
        Machine cleaned = machine;
        std::erase_if(cleaned.macs, [](const auto& mac) { return is_placeholder_mac(mac); });
        cleaned.serial = clean_serial(cleaned.serial);
        if (is_placeholder_serial(cleaned.serial)) cleaned.serial.clear();
        if (is_placeholder_uuid(cleaned.uuid)) cleaned.uuid.clear();
        if (!same_hardware(cleaned, machine)) write_hardware(sql, cleaned);
    }
}

Status migrate(soci::session& sql) {
    int version = 0;
    sql << "PRAGMA user_version", into(version);
    const int newest = static_cast<int>(k_schema.size());
    if (version < 0 || version > newest)
        return fail(ErrorCode::P04, "schema version {}: must be at most {}", version, newest);
    const bool had_placeholders = version == 1;
    for (; version < newest; ++version)
        for (const char* statement : k_schema[static_cast<size_t>(version)]) sql << statement;
    // Behind the last step: it reads machines as this program knows them.
    if (had_placeholders) forget_placeholders(sql);
    sql << fmt::format("PRAGMA user_version = {}", newest);
    return {};
}

/// SOCI throws; nothing of it leaves this file. A failed Result rolls back like an exception.
template <typename F>
auto transaction(soci::session& sql, const char* begin, F&& work) -> decltype(work(sql)) {
    try {
        sql << begin;
        try {
            auto result = work(sql);
            sql << (result.has_value() ? "COMMIT" : "ROLLBACK");
            return result;
        } catch (...) {
            try {
                sql << "ROLLBACK";
            } catch (const std::exception&) {  // SQLite may have rolled back already (full disk).
            }
            throw;
        }
    } catch (const std::exception& e) {
        return fail(ErrorCode::P04, "{}", e.what());
    }
}

}  // namespace

Store::Store(std::unique_ptr<soci::session> writing, std::unique_ptr<soci::session> reading, Clock& clock,
             std::chrono::milliseconds patience)
    : reads_(std::move(reading)), writes_(std::move(writing)), clock_(clock), patience_(patience) {}
Store::~Store() = default;

template <typename F>
auto Store::read(F&& work) {
    const std::lock_guard lock(reading_);
    return transaction(*reads_, "BEGIN", work);
}

template <typename F>
auto Store::write(F&& work) -> decltype(work(std::declval<soci::session&>())) {
    // Whoever writes may wait in SQLite for another process; nobody here waits for him much longer than that.
    const std::unique_lock lock(writing_, patience_);
    if (!lock) return fail(ErrorCode::P04, "database is busy");
    return transaction(*writes_, "BEGIN IMMEDIATE", work);
}

Result<std::unique_ptr<Store>> Store::open(const std::string& file, Clock& clock,
                                           std::chrono::milliseconds patience) {
    if (file.empty() || file.find_first_of("\"'") != std::string::npos)
        return fail(ErrorCode::P04, "file name \"{}\": must be without quotes", file);
    // Made here for its mode; and closed before SQLite opens it, for closing any descriptor of a file drops
    // this process's locks on it (fcntl(2)), which SQLite relies on. So an existing file is never opened
    // here.
    if (UniqueFd made(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        !made && errno != EEXIST)
        return fail(ErrorCode::P04, "{}: {}", file, strerror(errno));
    const auto connect = [&file] {
        auto session =
            std::make_unique<soci::session>(soci::sqlite3, fmt::format("dbname=\"{}\" timeout=5", file));
        std::string mode;
        *session << "PRAGMA journal_mode = WAL", into(mode);
        *session << "PRAGMA foreign_keys = ON";
        *session << "PRAGMA synchronous = FULL";
        return session;
    };
    try {
        // One after the other: the first makes the file a WAL database.
        auto writing = connect();
        auto reading = connect();
        std::unique_ptr<Store> store(new Store(std::move(writing), std::move(reading), clock, patience));
        if (auto done = store->write(migrate); !done) return fail(done.error().with_prefix(file));
        *store->writes_ << fmt::format("PRAGMA busy_timeout = {}", patience.count());
        return store;
    } catch (const std::exception& e) {
        return fail(ErrorCode::P04, "{}: {}", file, e.what());
    }
}

Result<Policy> Store::policy() {
    return read([&](soci::session& sql) -> Result<Policy> {
        Policy policy;
        std::string key, value;
        soci::statement rows = (sql.prepare << "SELECT key, value FROM policy", into(key), into(value));
        nlohmann::json defaults = nlohmann::json::object();
        for (bool more = rows.execute(true); more; more = rows.fetch()) {
            if (key == "unknown")
                policy.unknown = parse_unknown_policy(value).value_or(UnknownPolicy::local);
            else
                defaults[key] = value;
        }
        policy.defaults = stored_settings(defaults, policy.refused);
        return policy;
    });
}

Status Store::set_policy(const Policy& policy) {
    return write([&](soci::session& sql) -> Status {
        sql << "DELETE FROM policy";
        Settings rows = with_refused(policy.defaults, policy.refused);
        rows["unknown"] = to_text(policy.unknown);
        for (const auto& [key, value] : rows)
            sql << "INSERT INTO policy (key, value) VALUES (:key, :value)", use(key), use(value);
        return {};
    });
}

Result<std::vector<Machine>> Store::machines() {
    return read([](soci::session& sql) -> Result<std::vector<Machine>> {
        return select_machines(sql, "ORDER BY n");
    });
}

Result<Store::Identified> Store::identify(const Hardware& seen) {
    return read([&](soci::session& sql) -> Result<Identified> { return identified(sql, seen); });
}

Result<Store::Identified> Store::learn(const Hardware& seen) {
    return write([&](soci::session& sql) -> Result<Identified> {
        Identified result = identified(sql, seen);
        if (result.machine && berth::server::learn(*result.machine, seen, result.who)) {
            write_hardware(sql, *result.machine);
            forget_conflicts_of(sql, *result.machine);
        }
        return result;
    });
}

Status Store::note_conflict(const std::string& id, const Hardware& seen) {
    return write([&](soci::session& sql) -> Status {
        const long long now = std::chrono::system_clock::to_time_t(clock_.wall());
        sql << "INSERT INTO conflicts (machine, mac, uuid, serial, first, last, times) SELECT id, "
               ":mac, :uuid, :serial, :first, :last, 1 FROM machines WHERE id = :id ON CONFLICT "
               "(machine, mac, uuid, serial) DO UPDATE SET last = excluded.last, times = times + 1",
            use(seen.mac), use(seen.uuid), use(seen.serial), use(now), use(now), use(id);
        sql << fmt::format(
            "DELETE FROM conflicts WHERE machine = :id AND (mac, uuid, serial) NOT IN (SELECT mac, uuid, "
            "serial FROM conflicts WHERE machine = :same ORDER BY last DESC LIMIT {})",
            k_max_conflicts),
            use(id), use(id);
        return {};
    });
}

Result<std::vector<Conflict>> Store::conflicts() {
    return read([&](soci::session& sql) -> Result<std::vector<Conflict>> {
        std::vector<Conflict> list;
        Conflict c;
        long long first = 0, last = 0, times = 0;
        soci::statement rows =
            (sql.prepare << "SELECT machine, mac, uuid, serial, first, last, times FROM conflicts "
                            "ORDER BY last DESC, machine, mac, uuid, serial",
             into(c.machine), into(c.seen.mac), into(c.seen.uuid), into(c.seen.serial), into(first),
             into(last), into(times));
        for (bool more = rows.execute(true); more; more = rows.fetch()) {
            c.first = first, c.last = last, c.times = times;
            list.push_back(c);
        }
        return list;
    });
}

Status Store::replace(const std::string& id, const Machine& hardware, const std::string& from,
                      const std::function<Status(const Machine&, const Machine*)>& check) {
    return write([&](soci::session& sql) -> Status {
        Machine machine = BERTH_TRY(machine_of(sql, id));
        std::optional<Machine> other;
        if (!from.empty()) {
            if (from == id) return fail(ErrorCode::P02, "machine {}", from);
            other = BERTH_TRY(machine_of(sql, from));
        }
        BERTH_TRY(check(machine, other ? &*other : nullptr));
        const Machine& source = other ? *other : hardware;
        machine.macs = source.macs;
        machine.uuid = source.uuid;
        machine.serial = source.serial;
        if (other) sql << "DELETE FROM machines WHERE id = :id", use(from);
        BERTH_TRY(check_identity(machine));
        BERTH_TRY(check_free(sql, machine));
        write_hardware(sql, machine);
        sql << "UPDATE machines SET platform = '', boot_id = '', stage = '', percent = -1, error = '', "
               "facts = 'null', session = 'null' WHERE id = :id",
            use(id);
        sql << "DELETE FROM tokens WHERE machine = :id", use(id);
        sql << "DELETE FROM conflicts WHERE machine = :id", use(id);
        forget_conflicts_of(sql, machine);
        return {};
    });
}

Result<Machine> Store::find(std::string_view word) {
    return read([&](soci::session& sql) -> Result<Machine> {
        auto found = select_machines(sql, "WHERE id = :value", std::string(word));
        if (found.empty()) found = select_machines(sql, "WHERE name = :value", std::string(word));
        if (auto mac = parse_mac(word); found.empty() && mac)
            found = select_machines(sql, "WHERE id = (SELECT machine FROM macs WHERE mac = :value)", *mac);
        if (found.empty()) return fail(ErrorCode::P02, "machine {}: no id, name or MAC is that", word);
        return std::move(found.front());
    });
}

Result<Machine> Store::add(Machine machine) {
    return write([&](soci::session& sql) -> Result<Machine> {
        BERTH_TRY(check_identity(machine));
        machine.id.clear();
        if (machine.name.empty()) machine.name = default_name(sql, machine);
        BERTH_TRY(check_free(sql, machine));
        long long count = 0, n = 0;
        sql << "SELECT count(*) FROM machines", into(count);
        if (static_cast<size_t>(count) >= k_max_machines)
            return fail(ErrorCode::P08, "{} machines: must be at most {}", count, k_max_machines);
        const std::string settings = settings_text(machine);
        const int enabled = machine.enabled, marked = machine.marked;
        const long long now = std::chrono::system_clock::to_time_t(clock_.wall());
        sql << "INSERT INTO machines (name, uuid, serial, enabled, marked, settings, created) VALUES "
               "(:name, :uuid, :serial, :enabled, :marked, :settings, :now)",
            use(machine.name), use(machine.uuid), use(machine.serial), use(enabled), use(marked),
            use(settings), use(now);
        sql << "SELECT last_insert_rowid()", into(n);
        machine.id = fmt::format("m-{:04}", n);
        sql << "UPDATE machines SET id = :id WHERE n = :n", use(machine.id), use(n);
        write_macs(sql, machine);
        forget_conflicts_of(sql, machine);
        return machine;
    });
}

Status Store::update(const std::string& id, const std::function<Status(Machine&)>& change) {
    return write([&](soci::session& sql) -> Status {
        Machine machine = BERTH_TRY(machine_of(sql, id));
        const Machine before = machine;
        BERTH_TRY(change(machine));
        machine.id = id;
        if (!same_hardware(before, machine)) BERTH_TRY(check_identity(machine));
        BERTH_TRY(check_free(sql, machine));
        const std::string settings = settings_text(machine);
        const int enabled = machine.enabled, marked = machine.marked;
        sql << "UPDATE machines SET name = :name, uuid = :uuid, serial = :serial, enabled = :enabled, "
               "marked = :marked, settings = :settings WHERE id = :id",
            use(machine.name), use(machine.uuid), use(machine.serial), use(enabled), use(marked),
            use(settings), use(id);
        write_macs(sql, machine);
        if (!same_hardware(before, machine)) forget_conflicts_of(sql, machine);
        return {};
    });
}

Status Store::remove(const std::string& id) {
    return write([&](soci::session& sql) -> Status {
        sql << "DELETE FROM machines WHERE id = :id", use(id);
        return {};
    });
}

Status Store::add_token(const std::string& id, const std::string& token, const std::string& image,
                        const std::string& site) {
    return write([&](soci::session& sql) -> Status {
        const long long now = std::chrono::system_clock::to_time_t(clock_.wall());
        sql << "INSERT INTO tokens (machine, token, made, image, site) SELECT id, :token, :now, :image, "
               ":site FROM machines WHERE id = :id",
            use(token), use(now), use(image), use(site), use(id);
        sql << fmt::format(
            "DELETE FROM tokens WHERE machine = :id AND n NOT IN (SELECT n FROM tokens WHERE machine = "
            ":same ORDER BY n "
            "DESC LIMIT {})",
            k_kept_tokens),
            use(id), use(id);
        return {};
    });
}

Status Store::release_builds(const std::vector<std::string>& builds,
                             const std::function<Status(const std::string& build)>& remove) {
    return write([&](soci::session& sql) -> Status {
        for (const auto& build : builds) {
            int used = 0;
            sql << "SELECT EXISTS (SELECT 1 FROM tokens WHERE image = :build) OR EXISTS (SELECT 1 FROM "
                   "tokens WHERE site = :same)",
                use(build), use(build), into(used);
            if (used == 0) BERTH_TRY(remove(build));
        }
        return {};
    });
}

Status Store::check_token(const std::string& id, std::string_view token) {
    return read([&](soci::session& sql) -> Status {
        int count = 0;
        const std::string given(token);
        sql << "SELECT count(*) FROM tokens WHERE machine = :id AND token = :token", use(id), use(given),
            into(count);
        if (count == 0) return fail(ErrorCode::P03);
        return {};
    });
}

Status Store::seen_at_boot(const std::string& id, Platform platform) {
    return write([&](soci::session& sql) -> Status {
        const long long now = std::chrono::system_clock::to_time_t(clock_.wall());
        const std::string firmware(to_text(platform));
        sql << "UPDATE machines SET seen = :now, platform = :platform, stage = 'ipxe', percent = "
               "-1, error = '', session = 'null' WHERE id = :id",
            use(now), use(firmware), use(id);
        return {};
    });
}

Status Store::post_status(const std::string& id, const StatusPost& post) {
    return write([&](soci::session& sql) -> Status {
        Machine machine = BERTH_TRY(machine_of(sql, id));
        LastStatus s = machine.status;
        // No session outlives its boot.
        if (post.boot_id && *post.boot_id != s.boot_id) s.session = nullptr;
        if (post.boot_id) s.boot_id = *post.boot_id;
        if (post.stage && *post.stage != s.stage) s.percent = -1;
        if (post.stage) s.stage = *post.stage;
        if (post.percent) s.percent = *post.percent;
        if (post.error) s.error = *post.error;
        if (post.facts) s.facts = *post.facts;
        if (post.session) s.session = *post.session;
        if (post.stage)
            s.again = *post.stage == "again" ? s.again + 1 : *post.stage == "prompt" ? 0 : s.again;
        const long long now = std::chrono::system_clock::to_time_t(clock_.wall());
        const std::string facts = s.facts.dump(), session = s.session.dump();
        sql << "UPDATE machines SET seen = :now, boot_id = :boot, stage = :stage, percent = "
               ":percent, error = :error, "
               "facts = :facts, session = :session, again = :again WHERE id = :id",
            use(now), use(s.boot_id), use(s.stage), use(s.percent), use(s.error), use(facts), use(session),
            use(s.again), use(id);
        // Done: another disk, put in later, is not made anew by an old request.
        if (const auto wish = machine.settings.find("data");
            post.facts && wish != machine.settings.end() && is_remake(wish->second) &&
            member_text(json_member(*post.facts, "data"), "remade", "") == wish->second) {
            wish->second = "auto";
            const std::string settings = settings_text(machine);
            sql << "UPDATE machines SET settings = :settings WHERE id = :id", use(settings), use(id);
        }
        return {};
    });
}

Status Store::forget_again(const std::string& id) {
    return write([&](soci::session& sql) -> Status {
        sql << "UPDATE machines SET again = 0 WHERE id = :id", use(id);
        return {};
    });
}

Result<std::vector<std::string>> Store::state_names(const std::string& id) {
    return read([&](soci::session& sql) -> Result<std::vector<std::string>> {
        std::vector<std::string> names;
        std::string name;
        soci::statement rows =
            (sql.prepare << "SELECT name FROM states WHERE machine = :id ORDER BY name", use(id), into(name));
        for (bool more = rows.execute(true); more; more = rows.fetch()) names.push_back(name);
        return names;
    });
}

Result<std::optional<std::string>> Store::state(const std::string& id, const std::string& name) {
    return read([&](soci::session& sql) -> Result<std::optional<std::string>> {
        std::string body;
        sql << "SELECT body FROM states WHERE machine = :id AND name = :name", use(id), use(name), into(body);
        if (!sql.got_data()) return std::nullopt;
        return body;
    });
}

Status Store::put_state(const std::string& id, const std::string& name, const std::string& body) {
    if (body.size() > k_max_state_bytes)
        return fail(ErrorCode::P08, "state of {} bytes: must be at most {}", body.size(), k_max_state_bytes);
    return write([&](soci::session& sql) -> Status {
        int others = 0;
        sql << "SELECT count(*) FROM states WHERE machine = :id AND name <> :name", use(id), use(name),
            into(others);
        if (others >= static_cast<int>(k_max_state_files))
            return fail(ErrorCode::P08, "state files: must be at most {} for a machine", k_max_state_files);
        const long long now = std::chrono::system_clock::to_time_t(clock_.wall());
        sql << "INSERT OR REPLACE INTO states (machine, name, body, written) VALUES (:id, :name, "
               ":body, :now)",
            use(id), use(name), use(body), use(now);
        return {};
    });
}

Status Store::remove_state(const std::string& id, const std::string& name) {
    return write([&](soci::session& sql) -> Status {
        sql << "DELETE FROM states WHERE machine = :id AND name = :name", use(id), use(name);
        return {};
    });
}

}  // namespace berth::server
