// SPDX-License-Identifier: GPL-3.0-or-later
#include "server/ctl/program.h"

#include <sys/resource.h>

#include <map>

#include "server/ctl/verbs.h"

namespace berth::server {
namespace {

/// Handles are open files: a class has some hundred of them.
void raise_file_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

Status print(const Ctl& ctl, const Answer& answer) {
    if (ctl.json) {
        ctl.console.print(Stream::out, printable_json(answer.json) + "\n");
    } else if (answer.file) {
        BERTH_TRY(ctl.console.print_file(*answer.file));
    } else {
        ctl.console.print(Stream::out, text_of(answer.lines));
    }
    return answer.then;
}

/// The parser of the line, and the verb that the line names.
struct Line {
    CLI::App app{"Berth's administration", "berthctl"};
    std::vector<std::unique_ptr<Verb>> verbs;
    Verb* chosen = nullptr;
};

void declare_verbs(Line& line) {
    std::map<std::string_view, CLI::App*> of_noun{{"", &line.app}};
    for (const NounFacts& noun : nouns()) {
        auto* app = line.app.add_subcommand(std::string(noun.name), std::string(noun.help));
        app->require_subcommand(1);
        of_noun[noun.name] = app;
    }
    for (const VerbFacts& facts : verbs()) {
        auto* command =
            of_noun.at(facts.noun)->add_subcommand(std::string(facts.name), std::string(facts.help));
        Verb* verb = line.verbs.emplace_back(facts.make(*command)).get();
        command->callback([&line, verb] { line.chosen = verb; });
    }
}

}  // namespace

void Ctl::complain(const Error& error, std::string_view about) const {
    console.print(Stream::error,
                  printable_format("berthctl: {}{}{}\n", about, about.empty() ? "" : ": ", error.to_user()));
}

void Ctl::note(std::string_view line) const {
    if (!json) console.print(Stream::error, printable(line) + "\n");
}

Answer file_answer(std::string file) {
    return {.json = {{"text", file}}, .file = std::move(file)};
}

int run_line(Ctl& ctl, int argc, const char* const* argv, const MoreOptions& more) {
    Line line;
    line.app.require_subcommand(1);
    // The options of all verbs may come before or after the verb, which inherits this.
    line.app.fallthrough();
    line.app.add_option("--db,--database", ctl.database, "the provisioner's database file")
        ->capture_default_str();
    line.app.add_flag("--json", ctl.json, "print JSON");
    if (more) more(line.app, ctl);
    declare_verbs(line);
    try {
        line.app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return print_usage(line.app, e);
    }
    auto answer = line.chosen->run(ctl);
    const Status done = answer ? print(ctl, *answer) : fail(answer.error());
    if (done) return 0;
    ctl.complain(done.error());
    return 1;
}

int run_berthctl(int argc, const char* const* argv, const MoreOptions& more) {
    raise_file_limit();
    const auto console = process_console();
    SystemClock clock;
    JournalReport report("berthctl");
    RealPlaces places;
    Ctl ctl{*console, clock, report, places};
    return run_line(ctl, argc, argv, more);
}

}  // namespace berth::server
