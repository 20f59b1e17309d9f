/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * lock.pml as the judge of traces: pan walks each trace of the file TRACES names, step by step. A transition that can be seen is possible only as the
 * trace's next step, with the same values; what cannot be seen is pan's to choose. A trace is accepted when some way leads to its end on which no
 * CHECK fails. `pan` itself ends with a line for each trace that is not accepted, and with "traces: N accepted, M rejected".
 */
int which, position;
byte ev_kind, ev_who, ev_a, ev_b, ev_c;

c_decl {
\#include "traces.h"
}

#define SEEN(kind, who, a, b, c) (ev_kind == kind && ev_who == (who) && ev_a == (a) && ev_b == (b) && ev_c == (c))
#define NEXT c_code { take_step(now.which, &now.position, &now.ev_kind, &now.ev_who, &now.ev_a, &now.ev_b, &now.ev_c); }
#define CHECK(what) if :: (what) :: else -> c_code { violated(now.which); now.ev_kind = 0; } fi
#define WRITES_AGAIN true
#define WRITES_HERE false    /* Blocks() does */

active proctype Judge() {
    c_code { load_traces(); };
    do    /* all traces, one after the other */
    :: c_expr { now.which + 1 < trace_count } -> which++
    :: break
    od;
    atomic { NEXT };
    atomic { SEEN(EV_END, 0, 0, 0, 0) -> c_code { accept_trace(now.which); } }
}
