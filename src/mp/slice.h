/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slices: work of the control thread that would take longer than a turn of its event loop may take is done piece by
 * piece, between everything else that control does.
 *
 * Synchronization: control only.
 * Lifetime: a struct mp_slice is a member of what its work is about; it is off the list when step returns false, and
 * after mp_slice_remove.
 */
#ifndef SMPNET_SLICE_H
#define SMPNET_SLICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define MP_SLICE_US 500	 /* one piece of one work */
#define MP_TURN_US  2000 /* all pieces in one turn of the event loop */

struct mp_slice {
	TAILQ_ENTRY(mp_slice) list; /* [c] */
	/*
	 * => control; works until there is nothing left (false: it is forgotten and may free itself) or mp_slice_over()
	 * says so (true: it is called again)
	 */
	bool (*step)(struct mp_slice *); /* [c] */
	bool queued;			 /* [c] */
};

/* => control; step will be called from the event loop; nothing happens if it is waiting already */
void mp_slice_add(struct mp_slice *);
/* => control; it will not be called again */
void mp_slice_remove(struct mp_slice *);
/* => control, in a step or a method that ends early: has this piece taken its time? */
bool mp_slice_over(void);
/* => control; a piece that is not called by the list (a method's own loop) begins now */
void mp_slice_begin(void);
/* => control; one turn: pieces of all that waits, for MP_TURN_US; true if more is left */
bool mp_slices_run(void);
/* => control; before the event loop goes: everything is carried out to its end */
void mp_slices_finish(void);
void mp_slices_fini(void);

#endif
