/* SPDX-License-Identifier: GPL-3.0-or-later
 * The steps of the lock's protocol that can be seen from outside, by number: what tests/model/traces records
 * of the real code and what lock.pml takes when it is built with TRACES. `who` is a client, or 0 where nobody
 * waits for the answer. A session is known by the number of its nonce (attempts of client c count from c *
 * SESSIONS + 1); 0 is nobody.
 */
#define EV_LIST 1           /* who listed the directory: a highest lock, b highest last-used, c lowest lock */
#define EV_START 2          /* who makes session a, for the number b */
#define EV_LINK 3           /* LINK to lock.a was executed; b: 1 it made the name */
#define EV_KEEP_LINK 4      /* a copy of the LINK to lock.a is under way */
#define EV_READ_LOCK 5      /* who read lock.a by name: session b stands there */
#define EV_READ_USED 6      /* who read last-used.a: session b */
#define EV_REMOVE_PRIVATE 7 /* the private name of session a is gone */
#define EV_REMOVE_LOCK 8    /* lock.a was removed */
#define EV_REMOVE_USED 9    /* last-used.a was removed */
#define EV_RENEW 10         /* the moment before a renewal's WRITE is sent */
#define EV_GRANT 11 /* who has its first right to send in session a; b: who used the VM before, if known */
#define EV_WRITE 12 /* a block of lock.a's owner was checked, sent and executed at once */
#define EV_KEEP_WRITE 13  /* it was checked and sent, and is under way */
#define EV_RELEASE 14     /* who drained and begins the release of lock.a */
#define EV_RENAME 15      /* RENAME of lock.a was executed; b: 1 there was something to rename */
#define EV_KEEP_RENAME 16 /* a copy of the RENAME of lock.a is under way */
#define EV_CRASH 17       /* who is gone, and comes back to sweep */
#define EV_SWEEP 18       /* who begins to sweep its lock.a */
#define EV_LATE_LINK 19   /* the copy under way of the LINK to lock.a was executed; b as in EV_LINK */
#define EV_LATE_RENAME 20
#define EV_LATE_WRITE 21
#define EV_TICK 22 /* time passes */
#define EV_END 23  /* the trace is over */
