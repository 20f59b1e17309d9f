/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The lock and its lease over NFSv3 (docs/architecture.md, lock/protocol.h), for spin.
 *
 * Server      One directory with lock.<e> and last-used.<e>; a cell holds the nonce of the session whose record stands there, 0 is no
 *             file. Each call is one atomic step. Its reply may be lost; a copy of a LINK, a RENAME or a data WRITE may execute late.
 * Client      Runs SESSIONS sessions one after the other, call by call as the code does. A session may stop anywhere: for good, or by a crash after which
 *             the same machine sweeps its lock. Every session has its own nonce.
 * Time        Ticks are global and relative timers count down (what clocks show is no part of the protocol). HOLD: the right to send after the moment
 *             before a good renewal. TAKE_OVER: the wait of who claims above a standing lock. DELAY: how long a WRITE may be under way. SWEEP: how long a
 *             crashed client leaves its lock alone.
 *
 * Checked
 *   writers   a WRITE of an older epoch never executes after one of a newer epoch, and no two sessions ever write under one number
 *   cache     a session keeps the client's cache only if nobody else was active since this client maintained it
 *   progress  (QUIET: one client that never stands still; replies are lost, copies execute late) every session gets its lock
 *
 * Rules       Each can be left out by a macro: tests/model/run lists them under the headings of docs/rules.md, and spin must then find a trace.
 *
 * Not rules   What safety does not need, and why it is done all the same. Each is left out, or left to chance, in the model as it is checked:
 *   the second listing              NO_SECOND_LISTING (held in `full`). The wait and the renewal list again. It finds a number that was used up while its lock
 *                                   can still be removed, so that nobody is asked to break a lock that nobody holds; and that there is nobody to wait for.
 *   the nonce in renewals           RENEWAL_WITHOUT_NONCE (held in `full`). A number is used once, so whoever read its lock back is its only owner. It is
 *                                   for a directory in which somebody removed or renamed files by hand.
 *   lower locks are removed         Chance. Who owns one finds the higher number at its next renewal. It spares the next taker the wait.
 *   lower last-useds are removed    Chance. Only the highest says anything. It keeps the directory short.
 *   the private name is removed     Chance (a session may stop before it). A later holder removes it when it is old; a living claimer that lost it so cannot
 *                                   LINK, which is what a LINK that is never executed is. While it is there a late LINK can still make its number, but that number is
 *                                   below the highest by then, and nobody's right rests on it. It keeps the directory short.
 *   a renewal WRITEs                Absent: EV_RENEW is only the moment before it. The right rests on the listing behind it. The WRITE shows people a sign of
 *                                   life, and finds a server that no longer accepts writes before the VM does. So one that fails for lack of room, as on
 *                                   a server that copies on write, does not spoil the renewal, nor that of a release its RENAME.
 *   a lost connection stops writes  Absent: a client writes on in `hold`, whatever its connections do, and under a claim too. The lease is over in time all the
 *                                   same. So the loss of one that carried no write (lock/lease.h) costs nothing. One that may still carry a write stops all
 *                                   others for what one directory on one server does not show: another server may answer on the next connection
 *                                   (docs/security.md 5), so what leads there is looked at first.
 *   the mode `declared`             Absent. No program makes such a lock yet: who checks a VM out needs a replica.
 *
 * With TRACES the same text accepts what the real code did (tests/model/traces, docs/decisions/0008): SEEN names the visible step that a transition is.
 */
#include "trace_events.h"
#ifndef CLIENTS
#define CLIENTS 2
#endif
#ifndef SESSIONS
#define SESSIONS 1
#endif
#ifndef HOLD
#define HOLD 2
#endif
#ifndef TAKE_OVER
#define TAKE_OVER 3
#endif
#ifndef DELAY
#define DELAY 1
#endif
#ifndef SWEEP
#define SWEEP (DELAY + 1)
#endif
#ifndef EPOCHS
#define EPOCHS 4
#endif
#define NONCES (CLIENTS * SESSIONS + 1)

byte lock[EPOCHS + 2];
byte last_used[EPOCHS + 2];
bool private_name[NONCES + 1];   /* the private file that LINK names still exists */

byte late_link_epoch, late_link_nonce;     /* at most one copy of each call under way */
byte late_rename_epoch;
byte late_write_epoch, late_write_nonce, late_write_age;

byte wait_left[CLIENTS];        /* taker's wait */
byte right_left[CLIENTS];       /* right to send; 0 is none */
byte renewal_left[CLIENTS];     /* what the renewal under way would grant */

#ifdef TRACES
byte writes_as[CLIENTS], writes_by[CLIENTS];    /* of the session that has the right */
#endif

byte newest_writer, newest_nonce;   /* observers, no part of the system */
byte last_active;
byte cache_of[CLIENTS];         /* durable on the client: the nonce of the session that maintained its cache last */

#if EPOCHS == 4
#define HIGHEST(f) (f[4] -> 4 : (f[3] -> 3 : (f[2] -> 2 : (f[1] -> 1 : 0))))
#define LOWEST(f) (f[1] -> 1 : (f[2] -> 2 : (f[3] -> 3 : (f[4] -> 4 : 0))))
#elif EPOCHS == 12
#define HIGHEST(f) (f[12] -> 12 : (f[11] -> 11 : (f[10] -> 10 : (f[9] -> 9 : (f[8] -> 8 : (f[7] -> 7 : (f[6] -> 6 : (f[5] -> 5 : \
    (f[4] -> 4 : (f[3] -> 3 : (f[2] -> 2 : (f[1] -> 1 : 0))))))))))))
#define LOWEST(f) (f[1] -> 1 : (f[2] -> 2 : (f[3] -> 3 : (f[4] -> 4 : (f[5] -> 5 : (f[6] -> 6 : (f[7] -> 7 : (f[8] -> 8 : \
    (f[9] -> 9 : (f[10] -> 10 : (f[11] -> 11 : (f[12] -> 12 : 0))))))))))))
#endif
#define LINK_SUCCEEDS(e, n) (lock[e] == 0 && (private_name[n] || last_used[e] == n))

#ifdef TRACES
#include "traces.pml"
#else
#define SEEN(kind, who, a, b, c) true
#define NEXT skip
#define CHECK(what) assert(what)
#define WRITES_HERE true
#define WRITES_AGAIN (newest_nonce != nonce)    /* once is enough to be seen */
#endif
#if defined(QUIET) || defined(CALM)
#define OR_STOP
#else
#define OR_STOP :: goto stopped    /* power cut, or an answer that never came */
#endif
#ifdef CALM     /* fewer states, to find sooner what needs no copy under way, and nobody who stops before it has the lock */
#define COPIES false
#else
#define COPIES true
#endif
#ifdef NO_SOCKET_BOUND
#define BOUND_KEPT true
#else
#define BOUND_KEPT (late_write_epoch == 0 || late_write_age > 1)
#endif
#ifdef CLOCK_STOPS_IN_SUSPEND
#define COUNTS(c) (c != 0)
#else
#define COUNTS(c) true
#endif

inline list() { high_lock = HIGHEST(lock); high_used = HIGHEST(last_used); low_lock = LOWEST(lock) }
#define LISTED SEEN(EV_LIST, me + 1, HIGHEST(lock), HIGHEST(last_used), LOWEST(lock))
#define FORGET high_lock = 0; high_used = 0; low_lock = 0

#ifdef LINK_REPLACES
inline execute_link(e, n) { lock[e] = n }
#else
inline execute_link(e, n) { if :: lock[e] == 0 -> lock[e] = n :: else fi }
#endif

/* Two names of one file: RENAME does nothing (RFC 1813 3.3.14). */
#ifdef RELEASE_REMOVES
inline execute_rename(e) { lock[e] = 0 }
#else
inline execute_rename(e) { if :: lock[e] != 0 && last_used[e] != lock[e] -> last_used[e] = lock[e]; lock[e] = 0 :: else fi }
#endif

inline wrote(e, n) {
    CHECK(e > newest_writer || (e == newest_writer && n == newest_nonce));
    newest_writer = e; newest_nonce = n
}

/* Executed (its reply may be lost, nobody looks at it), under way, both, or lost. */
inline link_lock() {
    if
    :: d_step { late_link_epoch == 0 && COPIES && SEEN(EV_KEEP_LINK, me + 1, epoch, 0, 0) -> NEXT; late_link_epoch = epoch; late_link_nonce = nonce }
    :: true
    fi;
    if
    :: atomic { SEEN(EV_LINK, me + 1, epoch, lock[epoch] == 0, 0) -> NEXT; execute_link(epoch, nonce) }
    :: true
    fi
}

/* A good renewal: the right counts from before its WRITE; then our number is the highest of all, and our nonce stands in it. It ends with nothing in
 * renewal_left when an answer is missing. */
inline renewal() {
#ifdef TRACES
    if    /* the WRITE needs the record, unless it was just read back: a look that changes nothing */
    :: d_step { lock[epoch] == nonce && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT }
    :: atomic { lock[epoch] != nonce && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT; goto not_good }
    :: !granted
    fi;
#endif
    atomic { SEEN(EV_RENEW, me + 1, 0, 0, 0) -> NEXT; renewal_left[me] = HOLD };
    if
    :: d_step { LISTED -> NEXT; list() };
#ifndef RENEWAL_IGNORES_LOCKS
        if
        :: high_lock > epoch -> goto stopped
#ifdef TRACES    /* it may as well look at its lock, and use what is left of its right: as if it had not tried */
        :: high_lock > epoch ->
            FORGET;
            if
            :: atomic { SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT }
            :: true
            fi;
            goto not_good
#endif
        :: else
        fi;
#endif
#ifndef RENEWAL_IGNORES_LAST_USED
        if
        :: high_used >= epoch -> goto stopped
#ifdef TRACES    /* the same under what a claim left that was given up or passed */
        :: high_used > epoch ->
            FORGET;
            if
            :: atomic { SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT }
            :: true
            fi;
            goto not_good
#endif
        :: else
        fi;
#endif
        FORGET;
        if
#ifdef RENEWAL_WITHOUT_NONCE
        :: true
#else
        :: d_step { lock[epoch] == nonce && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT }
        :: atomic { lock[epoch] != nonce && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT; goto not_good }
#endif
#ifdef TRACES
        :: renewal_left[me] = 0
#endif
        fi
#ifdef TRACES
    :: renewal_left[me] = 0
#endif
    fi;
#ifdef RENEWAL_COUNTS_FROM_ITS_END
    renewal_left[me] = HOLD
#endif
}

proctype Client(byte me) {
    byte session, nonce, epoch, high_lock, high_used, low_lock, predecessor, i;
    bool keep, granted;

    do
    :: session == SESSIONS -> break
    :: session < SESSIONS ->
        /* One above all numbers that stand. */
        d_step { LISTED -> NEXT; list() };
#ifdef NUMBER_ABOVE_LOCKS_ONLY
        epoch = high_lock + 1;
#else
        epoch = (high_lock > high_used -> high_lock : high_used) + 1;
#endif
        FORGET;
        if :: epoch > EPOCHS -> goto out_of_numbers :: else fi;
        d_step {
            SEEN(EV_START, me + 1, me * SESSIONS + session + 1, epoch, 0) -> NEXT;
            session++;
            nonce = me * SESSIONS + session;
            private_name[nonce] = true
        };
#ifdef WATCH_THEN_LINK
        wait_left[me] = TAKE_OVER;
        (wait_left[me] == 0 || LOWEST(lock) == 0 || LOWEST(lock) >= epoch);
#endif
#ifdef WAIT_COUNTS_FROM_BEFORE_LINK
        wait_left[me] = TAKE_OVER;
#endif

link:   if
        :: true
        OR_STOP
        fi;
        link_lock();
        /* Whose nonce stands there? */
        if
#ifdef TRUSTS_EXIST     /* the first answer was lost, the second says EXIST */
        :: lock[epoch] != 0 -> goto stopped
#endif
#ifdef NO_READ_BACK
        :: true
#else
        :: atomic { lock[epoch] == nonce && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT }
        :: atomic { lock[epoch] != 0 && lock[epoch] != nonce && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT; goto stopped }
        :: atomic { lock[epoch] == 0 && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT };
           if
           :: d_step { LISTED -> NEXT; list() }
           OR_STOP
           fi;
           if
           :: high_lock > epoch || high_used > epoch -> FORGET; goto stopped
           :: else -> FORGET; goto link
           fi
#endif
        OR_STOP
        fi;
#if !defined(WAIT_COUNTS_FROM_BEFORE_LINK) && !defined(WATCH_THEN_LINK)
        wait_left[me] = TAKE_OVER;
#endif
        if
        :: d_step { SEEN(EV_REMOVE_PRIVATE, me + 1, nonce, 0, 0) -> NEXT; private_name[nonce] = false }
        OR_STOP
        fi;

#ifndef NO_SECOND_LISTING
        if
        :: d_step { LISTED -> NEXT; list() }
        OR_STOP
        fi;
        if
        :: high_used >= epoch ->
            /* The number was used up before our LINK executed: the last-used keeps it, so the lock may go. */
            if
            :: d_step { lock[epoch] != 0 && SEEN(EV_REMOVE_LOCK, me + 1, epoch, 0, 0) -> NEXT; lock[epoch] = 0 }
            :: true
            fi;
            goto stopped
        :: high_used < epoch && high_lock != epoch -> goto stopped
        :: high_used < epoch && high_lock == epoch && low_lock == epoch -> goto taken    /* nobody to wait for */
        :: high_used < epoch && high_lock == epoch && low_lock < epoch -> FORGET
        fi;
#endif

wait:   if
        :: d_step { LISTED -> NEXT; list() }
        OR_STOP
        fi;
        if
        :: high_used >= epoch || high_lock > epoch -> goto stopped
        :: else
        fi;
#ifdef NO_WAIT
        FORGET;
#else
        if
        :: low_lock == 0 || low_lock >= epoch -> FORGET
        :: else ->
            FORGET;
            if
            :: wait_left[me] == 0
            OR_STOP
            :: wait_left[me] > 0 -> goto wait
#ifdef TAKES_ITS_CLAIM_BACK
            :: wait_left[me] > 0 -> lock[epoch] = 0; lock[epoch] = 0; goto gone    /* a copy of the REMOVE comes late */
#endif
            fi
        fi;
#endif
        if
        :: d_step { LISTED -> NEXT; list() }
        OR_STOP
        fi;
        if :: high_lock != epoch || high_used >= epoch -> goto stopped :: else fi;

taken:  wait_left[me] = 0;
#ifdef PREDECESSOR_BY_CLIENT
        predecessor = last_used[high_used];
#else
        /* Only a session released right below us left the disks as the cache knows them; a broken one did not. */
        if
        :: d_step { epoch > 1 && high_used == epoch - 1 && SEEN(EV_READ_USED, me + 1, high_used, last_used[high_used], 0) -> NEXT;
                    predecessor = last_used[high_used] }
        :: epoch == 1 || high_used != epoch - 1
#ifdef TRACES
        :: true    /* no answer */
#endif
        fi;
#endif
        FORGET;
        i = 1;
        do
        :: i < epoch && lock[i] != 0 ->
            if
            :: d_step { lock[i] != 0 && SEEN(EV_REMOVE_LOCK, me + 1, i, 0, 0) -> NEXT; lock[i] = 0 }
            :: true
            fi;
            i++
        :: i < epoch && lock[i] == 0 -> i++
        :: i >= epoch -> break
        od;
#ifdef REMOVES_HIGHER_TOO
        i = epoch + 1; do :: i <= EPOCHS -> lock[i] = 0; i++ :: else -> break od;
#endif
        i = 0;

begin:  if
        :: true
        OR_STOP
        fi;
#ifdef NO_FIRST_RENEWAL
        renewal_left[me] = HOLD;
#else
        renewal();
#endif
        if
        :: renewal_left[me] == 0 -> goto begin
        :: d_step {
            renewal_left[me] > 0 && SEEN(EV_GRANT, me + 1, nonce, predecessor, 0) -> NEXT;
            right_left[me] = renewal_left[me]; renewal_left[me] = 0;
            keep = (cache_of[me] != 0 && predecessor == cache_of[me]);
            CHECK(!keep || last_active == cache_of[me]);
            keep = false; predecessor = 0; granted = true;
#ifdef TRACES
            writes_as[me] = epoch; writes_by[me] = nonce;
#endif
            last_active = nonce; cache_of[me] = nonce }
        OR_STOP
#ifdef TRACES
        :: goto begin
#endif
        fi;

hold:   do
        /* The right is asked for immediately before each. */
#ifdef NO_CHECK
        :: d_step { WRITES_AGAIN -> wrote(epoch, nonce) }
#else
        :: d_step { right_left[me] > 0 && late_write_epoch == 0 && COPIES && WRITES_HERE ->
                    late_write_epoch = epoch; late_write_nonce = nonce; late_write_age = DELAY + 1 }
        :: atomic { right_left[me] > 0 && WRITES_AGAIN && WRITES_HERE -> wrote(epoch, nonce) }
#endif
#ifdef STALL_BEHIND_CHECK    /* an assumption (docs/security.md), not a rule: the client stands still between the check and the send */
        :: right_left[me] > 0 -> (late_write_epoch == 0) -> d_step { late_write_epoch = epoch; late_write_nonce = nonce; late_write_age = DELAY + 1 }
#endif
#ifdef SWEEP_WHILE_ALIVE
        :: atomic { execute_rename(epoch) }
#endif
        :: /* renew */
#ifdef NO_RENEWAL_CHECK
            right_left[me] = HOLD
#else
            renewal();
            d_step { if :: renewal_left[me] > right_left[me] -> right_left[me] = renewal_left[me] :: else fi; renewal_left[me] = 0 }
#endif
        :: goto stopped
        od;

not_good:   /* Another's, or gone: for good, or as an error after which the next look will say so. */
#ifdef TRACES
        renewal_left[me] = 0;
        if
        :: granted -> goto hold
        :: !granted -> goto begin
        :: true
        fi;
#endif

stopped:    /* Gone for good; or drained (nothing of ours is under way), committed, and released in order, also by who was passed; or a power cut or a
             * failure after which the same machine sweeps its own lock, by its nonce. */
        skip;
        d_step { right_left[me] = 0; renewal_left[me] = 0; wait_left[me] = 0; predecessor = 0; i = 0; FORGET };
        if
        :: d_step { SEEN(EV_REMOVE_PRIVATE, me + 1, nonce, 0, 0) -> NEXT; private_name[nonce] = false }
        :: true
        fi;
        if
#ifndef QUIET
        :: goto gone
#endif
#ifdef NO_DRAIN
        :: true
#else
        :: d_step { late_write_nonce != nonce && SEEN(EV_RELEASE, me + 1, epoch, 0, 0) -> NEXT }
#endif
        :: true ->
#ifdef NO_SWEEP_WAIT
            skip
#else
            d_step { SEEN(EV_CRASH, me + 1, 0, 0, 0) -> NEXT; wait_left[me] = SWEEP };
            d_step { wait_left[me] == 0 && SEEN(EV_SWEEP, me + 1, epoch, 0, 0) -> NEXT }
#endif
        fi;

release:
        if
#ifdef SWEEP_WITHOUT_NONCE
        :: epoch = HIGHEST(lock); if :: epoch == 0 -> goto gone :: else fi
#else
        :: d_step { lock[epoch] == nonce && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT };
            if    /* behind a RENAME: by a late copy of our LINK both names may be one file, and the RENAME did nothing */
            :: true
            :: atomic { last_used[epoch] == nonce && SEEN(EV_READ_USED, me + 1, epoch, last_used[epoch], 0) -> NEXT };
               if
               :: d_step { lock[epoch] != 0 && SEEN(EV_REMOVE_LOCK, me + 1, epoch, 0, 0) -> NEXT; lock[epoch] = 0 }
               :: true
               fi;
               goto release
#ifdef TRACES
            :: atomic { last_used[epoch] != nonce && SEEN(EV_READ_USED, me + 1, epoch, last_used[epoch], 0) -> NEXT }
#endif
            fi
        :: atomic { lock[epoch] != nonce && SEEN(EV_READ_LOCK, me + 1, epoch, lock[epoch], 0) -> NEXT };
            if
            :: d_step { last_used[epoch] == nonce && SEEN(EV_READ_USED, me + 1, epoch, last_used[epoch], 0) -> NEXT }; goto tidy
            :: atomic { last_used[epoch] != nonce && SEEN(EV_READ_USED, me + 1, epoch, last_used[epoch], 0) -> NEXT; goto gone }
#ifndef QUIET
            :: goto gone
#endif
            fi
#endif
#ifndef QUIET
        :: goto gone
#endif
        fi;
#ifdef TRACES
        if    /* no answer about the disks, or to the record's WRITE: it is left */
        :: true
        :: goto gone
        fi;
#endif
        if
        :: d_step { late_rename_epoch == 0 && COPIES && SEEN(EV_KEEP_RENAME, me + 1, epoch, 0, 0) -> NEXT; late_rename_epoch = epoch }
        :: true
        fi;
        if
        :: atomic { SEEN(EV_RENAME, me + 1, epoch, lock[epoch] != 0, 0) -> NEXT; execute_rename(epoch) };
           if
           :: goto release    /* no answer: look */
           :: true
           fi
        :: goto release
        fi;
tidy:
        if
        :: d_step { LISTED -> NEXT };
            i = 1;
            do
            :: i < epoch && last_used[i] != 0 ->
                if
                :: d_step { last_used[i] != 0 && SEEN(EV_REMOVE_USED, me + 1, i, 0, 0) -> NEXT; last_used[i] = 0 }
                :: true
                fi;
                i++
            :: i < epoch && last_used[i] == 0 -> i++
            :: i >= epoch -> break
            od
#ifdef REMOVES_ALL_LAST_USED
            ; last_used[epoch] = 0
#endif
#ifdef TRACES    /* no answer to a REMOVE: all of it again */
            ; if :: goto release :: true fi
#endif
        :: true
        fi;

gone:
        skip;
#ifdef QUIET
        assert(granted);
#endif
        d_step { right_left[me] = 0; renewal_left[me] = 0; wait_left[me] = 0; FORGET;
                 epoch = 0; nonce = 0; predecessor = 0; keep = false; granted = false; i = 0 }
    od;
out_of_numbers: skip
}

#ifdef TRACES    /* the engine's lines do not wait for a renewal that is under way */
proctype Blocks(byte me) {
end:
    do
    :: d_step { right_left[me] > 0 && late_write_epoch == 0 && SEEN(EV_KEEP_WRITE, me + 1, writes_as[me], 0, 0) -> NEXT;
                late_write_epoch = writes_as[me]; late_write_nonce = writes_by[me]; late_write_age = DELAY + 1 }
    :: atomic { right_left[me] > 0 && SEEN(EV_WRITE, me + 1, writes_as[me], 0, 0) -> NEXT; wrote(writes_as[me], writes_by[me]) }
    od
}
#endif

/* What is still under way is executed or lost. */
proctype Network() {
end:
    do
    :: atomic { late_link_epoch != 0 && SEEN(EV_LATE_LINK, 0, late_link_epoch, LINK_SUCCEEDS(late_link_epoch, late_link_nonce), 0) -> NEXT;
        if :: LINK_SUCCEEDS(late_link_epoch, late_link_nonce) -> lock[late_link_epoch] = late_link_nonce :: else fi;
        late_link_epoch = 0; late_link_nonce = 0 }
    :: d_step { late_link_epoch != 0 -> late_link_epoch = 0; late_link_nonce = 0 }
    :: atomic { late_rename_epoch != 0 && SEEN(EV_LATE_RENAME, 0, late_rename_epoch, lock[late_rename_epoch] != 0, 0) -> NEXT;
        execute_rename(late_rename_epoch); late_rename_epoch = 0 }
    :: d_step { late_rename_epoch != 0 -> late_rename_epoch = 0 }
    :: atomic { late_write_epoch != 0 && SEEN(EV_LATE_WRITE, 0, late_write_epoch, 0, 0) -> NEXT;
        wrote(late_write_epoch, late_write_nonce); late_write_epoch = 0; late_write_nonce = 0; late_write_age = 0 }
    :: d_step { late_write_epoch != 0 -> late_write_epoch = 0; late_write_nonce = 0; late_write_age = 0 }
    od
}

/* Time passes, but not past the bound of a WRITE under way. */
proctype Time() {
    byte c;
end:
    do
    :: d_step { BOUND_KEPT && SEEN(EV_TICK, 0, 0, 0, 0) -> NEXT;
        if :: late_write_epoch != 0 && late_write_age > 1 -> late_write_age-- :: else fi;
        c = 0;
        do
        :: c < CLIENTS ->
            if :: wait_left[c] > 0 -> wait_left[c]-- :: else fi;
            if :: right_left[c] > 0 && COUNTS(c) -> right_left[c]-- :: else fi;
            if :: renewal_left[c] > 0 -> renewal_left[c]-- :: else fi;
            c++
        :: else -> break
        od;
        c = 0 }
    od
}

init {
    atomic {
        byte c = 0;
        do
        :: c < CLIENTS ->
            run Client(c);
#ifdef TRACES
            run Blocks(c);
#endif
            c++
        :: else -> break
        od;
        c = 0;
        run Network(); run Time()
    }
}
