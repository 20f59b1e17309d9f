/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The lock and its lease over NFSv3 (docs/architecture.md, volume/lock_protocol.h), for spin.
 *
 * Server      One directory with lock.<e> and last-used.<e>; a cell holds the nonce of the session whose record stands there, 0 is no
 *             file. Each call is one atomic step. Its reply may be lost; a copy of a LINK, a RENAME or a data WRITE may execute late.
 * Client      Runs SESSIONS sessions one after the other; each ends by an orderly release, by a crash after which the same machine sweeps, or by a crash for
 *             good. Every session has its own nonce.
 * Time        Ticks are global and relative timers count down (what clocks show is no part of the protocol). HOLD: the right to send after the moment
 *             before a good renewal. TAKE_OVER: the wait of who claims above a standing lock. DELAY: how long a WRITE may be under way.
 *
 * Checked
 *   writers   a WRITE of an older epoch never executes after one of a newer epoch
 *   cache     a session keeps the client's cache only if nobody else was active since this client maintained it
 *
 * Each rule can be broken by a macro (see tests/model/run): spin must then find a trace.
 */
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
#define DELAY 1
#define EPOCHS 4
#define NONCES (CLIENTS * SESSIONS + 1)

byte lock[EPOCHS + 2];
byte last_used[EPOCHS + 2];
bool private_name[NONCES + 1];   /* the private file that LINK names still exists */

byte late_link_epoch, late_link_nonce;     /* at most one copy of each call under way */
byte late_rename_epoch;
byte late_write_epoch, late_write_age;

byte wait_left[CLIENTS];        /* taker's wait */
byte right_left[CLIENTS];       /* right to send; 0 is none */
byte renewal_left[CLIENTS];     /* what the renewal under way would grant */

byte newest_writer;             /* observers, no part of the system */
byte last_active;
byte cache_of[CLIENTS];         /* durable on the client: the nonce of the session that maintained its cache last */

#define HIGHEST(f) (f[4] -> 4 : (f[3] -> 3 : (f[2] -> 2 : (f[1] -> 1 : 0))))
#ifdef CLOSING_PAST_THE_LEASE
#define MAY_SEND (right_left[me] > 0 || closing)
#else
#define MAY_SEND (right_left[me] > 0)
#endif
#define LOWER_LOCK(e) ((lock[1] && e > 1) || (lock[2] && e > 2) || (lock[3] && e > 3))
#define LINK_SUCCEEDS(n) (private_name[n] || lock[late_link_epoch] == n || last_used[late_link_epoch] == n)

inline list() { high_lock = HIGHEST(lock); high_used = HIGHEST(last_used) }

inline execute_link(e, n) { if :: lock[e] == 0 -> lock[e] = n :: else fi }
inline execute_rename(e) { if :: lock[e] != 0 -> last_used[e] = lock[e]; lock[e] = 0 :: else fi }

/* The part of a good renewal behind its WRITE: our number is the highest of all, and our nonce stands in it. */
inline verify_renewal() {
    list();
    if :: high_lock != epoch || high_used >= epoch -> goto session_over :: else fi;
    if :: lock[epoch] != nonce -> goto session_over :: else fi;
    high_lock = 0; high_used = 0
}

inline link_lock() {
    if
    :: atomic { execute_link(epoch, nonce) }                                            /* executed; the reply may be lost, nobody looks at it */
    :: late_link_epoch == 0 -> d_step { late_link_epoch = epoch; late_link_nonce = nonce }   /* later, or never */
    :: atomic { late_link_epoch == 0 -> late_link_epoch = epoch; late_link_nonce = nonce; execute_link(epoch, nonce) }   /* twice */
    fi
}

proctype Client(byte me) {
    byte session, nonce, epoch, high_lock, high_used, predecessor, i;
    bool keep;
    bool closing;                   /* a claim above was seen: no renewal counts any more, what is left of the right may be used up */

    do
    :: session == SESSIONS -> break
    :: session < SESSIONS ->
        session++;
        nonce = me * SESSIONS + session;
        private_name[nonce] = true;

        list();
        epoch = (high_lock > high_used -> high_lock : high_used) + 1;
        if :: epoch > EPOCHS -> goto out_of_numbers :: else fi;

        link_lock();
        if :: lock[epoch] == nonce :: else -> goto session_over fi;    /* whose nonce stands there? */
        private_name[nonce] = false;
        wait_left[me] = TAKE_OVER;

        list();
#ifndef NO_SECOND_LISTING
        if
        :: high_used >= epoch -> lock[epoch] = 0; goto session_over    /* the number was used up before our LINK executed */
        :: high_used < epoch && high_lock > epoch -> goto session_over
        :: else
        fi;
#endif
#ifndef NO_WAIT
        (wait_left[me] == 0 || !LOWER_LOCK(epoch));
#endif
        high_used = HIGHEST(last_used);
#ifdef PREDECESSOR_BY_CLIENT
        predecessor = last_used[high_used];
#else
        /* Only a session released right below us left the disks as the cache knows them; a broken one did not. */
        predecessor = (high_used == epoch - 1 -> last_used[high_used] : 0);
#endif
        /* Not needed for safety, as a renewal looks at all numbers: it spares the next taker the wait. */
        i = 1; do :: i < epoch -> if :: lock[i] -> lock[i] = 0 :: else fi; i++ :: else -> break od; i = 0;
        renewal_left[me] = HOLD;
        verify_renewal();
        if
        :: atomic { renewal_left[me] == 0 -> goto session_over }
        :: d_step {
            renewal_left[me] > 0 -> right_left[me] = renewal_left[me];
            keep = (cache_of[me] != 0 && predecessor == cache_of[me]);
            assert(!keep || last_active == cache_of[me]);
            last_active = nonce; cache_of[me] = nonce }
        fi;
        i = 1; do :: i < epoch -> if :: last_used[i] -> last_used[i] = 0 :: else fi; i++ :: else -> break od; i = 0;

        do
        :: d_step { MAY_SEND && late_write_epoch == 0 -> late_write_epoch = epoch; late_write_age = DELAY + 1 }
        :: atomic { MAY_SEND && newest_writer != epoch -> assert(epoch >= newest_writer); newest_writer = epoch }
#ifdef STALL_BEHIND_CHECK    /* an assumption (docs/security.md), not a rule: the client stands still between the check and the send */
        :: right_left[me] > 0 -> (late_write_epoch == 0) -> d_step { late_write_epoch = epoch; late_write_age = DELAY + 1 }
#endif
        :: !closing -> /* renew */
            renewal_left[me] = HOLD;
#ifndef NO_RENEWAL_CHECK
            list();
            if :: high_used >= epoch || lock[epoch] != nonce -> goto session_over :: else fi;
            if
            :: high_lock > epoch -> closing = true      /* "move my session here": close, drain, release */
            :: else -> right_left[me] = renewal_left[me]
            fi;
            high_lock = 0; high_used = 0
#else
            right_left[me] = renewal_left[me]
#endif
        :: /* release in order: drained, committed, renamed */
            right_left[me] = 0; renewal_left[me] = 0;
#ifndef NO_DRAIN
            late_write_epoch != epoch;
#endif
            if
            :: atomic { execute_rename(epoch) }
            :: late_rename_epoch == 0 -> late_rename_epoch = epoch
            :: atomic { late_rename_epoch == 0 -> late_rename_epoch = epoch; execute_rename(epoch) }
            fi;
            goto session_over
        :: /* power cut; the machine comes back and sweeps its own lock, by its nonce */
            d_step { right_left[me] = 0; renewal_left[me] = 0 }
#ifndef NO_SWEEP_WAIT
            d_step { wait_left[me] = DELAY + 1 } wait_left[me] == 0;
#endif
            if
            :: lock[epoch] == nonce -> if :: atomic { execute_rename(epoch) } :: late_rename_epoch == 0 -> late_rename_epoch = epoch fi
            :: else
            fi;
            goto session_over
        :: /* gone for good */
            goto session_over
        od;
session_over: skip;
        d_step { right_left[me] = 0; renewal_left[me] = 0; wait_left[me] = 0; private_name[nonce] = false;
                 epoch = 0; high_lock = 0; high_used = 0; predecessor = 0; keep = false; closing = false; i = 0 }
    od;
out_of_numbers: skip
}

/* What is still under way is executed or lost. */
proctype Network() {
end:
    do
    :: atomic { late_link_epoch != 0 ->
        if :: lock[late_link_epoch] == 0 && LINK_SUCCEEDS(late_link_nonce) -> lock[late_link_epoch] = late_link_nonce :: else fi;
        late_link_epoch = 0; late_link_nonce = 0 }
    :: d_step { late_link_epoch != 0 -> late_link_epoch = 0; late_link_nonce = 0 }
    :: atomic { late_rename_epoch != 0 -> execute_rename(late_rename_epoch); late_rename_epoch = 0 }
    :: d_step { late_rename_epoch != 0 -> late_rename_epoch = 0 }
    :: atomic { late_write_epoch != 0 -> assert(late_write_epoch >= newest_writer);
        newest_writer = late_write_epoch; late_write_epoch = 0; late_write_age = 0 }
    :: d_step { late_write_epoch != 0 -> late_write_epoch = 0; late_write_age = 0 }
    od
}

/* Time passes, but not past the bound of a WRITE under way. */
proctype Time() {
    byte c;
end:
    do
    :: atomic { late_write_epoch == 0 || late_write_age > 1 ->
        if :: late_write_epoch != 0 -> late_write_age-- :: else fi;
        c = 0;
        do
        :: c < CLIENTS ->
            if :: wait_left[c] > 0 -> wait_left[c]-- :: else fi;
            if :: right_left[c] > 0 -> right_left[c]-- :: else fi;
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
        do :: c < CLIENTS -> run Client(c); c++ :: else -> break od;
        c = 0;
        run Network(); run Time()
    }
}
