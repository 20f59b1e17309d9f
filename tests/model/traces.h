/* SPDX-License-Identifier: GPL-3.0-or-later
 * The traces that pan judges, outside of its states (traces.pml). The file is what lock_traces prints. */
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    unsigned char event, who, a, b, c;
} TraceStep;

typedef struct {
    unsigned long seed;
    int steps, furthest, two_owners, accepted, violated;
    TraceStep* step;
} Trace;

static Trace* traces;
static int trace_count;

static void print_verdicts(void) {
    int t, rejected = 0;
    for (t = 0; t < trace_count; t++) {
        Trace* trace = &traces[t];
        if (trace->accepted) {
            if (trace->two_owners) printf("trace %lu: two owners, accepted\n", trace->seed);
            continue;
        }
        rejected++;
        const TraceStep* at = &trace->step[trace->furthest];
        printf("trace %lu: rejected at step %d of %d (%d by %d: %d %d %d)%s%s\n", trace->seed,
               trace->furthest + 1, trace->steps, at->event, at->who, at->a, at->b, at->c,
               trace->violated ? ", a check failed" : "", trace->two_owners ? ", two owners" : "");
    }
    printf("traces: %d accepted, %d rejected\n", trace_count - rejected, rejected);
}

static void load_traces(void) {
    if (traces) return;
    const char* name = getenv("TRACES");
    FILE* file = name ? fopen(name, "r") : NULL;
    if (!file) {
        fprintf(stderr, "TRACES names no file\n");
        exit(1);
    }
    Trace t = {0};
    while (fscanf(file, " T %lu %d %d", &t.seed, &t.two_owners, &t.steps) == 3) {
        int i;
        t.step = calloc((size_t)t.steps, sizeof *t.step);
        for (i = 0; i < t.steps; i++) {
            TraceStep* s = &t.step[i];
            if (fscanf(file, "%hhu %hhu %hhu %hhu %hhu", &s->event, &s->who, &s->a, &s->b, &s->c) != 5) {
                fprintf(stderr, "trace %lu is cut off\n", t.seed);
                exit(1);
            }
        }
        traces = realloc(traces, (size_t)(trace_count + 1) * sizeof t);
        traces[trace_count++] = t;
    }
    fclose(file);
    if (trace_count == 0) {
        fprintf(stderr, "no traces\n");
        exit(1);
    }
    atexit(print_verdicts);
}

/* `position` is one behind the step that is looked for. A trace that is accepted already has none: its other
 * ways need no walk. */
static void take_step(int trace, int* position, unsigned char* event, unsigned char* who, unsigned char* a,
                      unsigned char* b, unsigned char* c) {
    Trace* t = &traces[trace];
    *event = *who = *a = *b = *c = 0;
    if (t->accepted || *position >= t->steps) return;
    const TraceStep* s = &t->step[(*position)++];
    if (*position - 1 > t->furthest) t->furthest = *position - 1;
    *event = s->event;
    *who = s->who;
    *a = s->a;
    *b = s->b;
    *c = s->c;
}

static void accept_trace(int trace) {
    traces[trace].accepted = 1;
}

static void violated(int trace) {
    traces[trace].violated = 1;
}
