/* SPDX-License-Identifier: Apache-2.0 */

/* Reading a plan. The agent is trusted, its memory may have been damaged. */

#include "plan.h"

#include <string.h>

/* sound_plan finds the strings of the operations; 0 when the plan goes beyond its end, or says what
 * no plan says. */
int sound_plan(const struct request *q, char *tail, const char **strings)
{
	uint64_t size = (uint64_t)q->argc * sizeof(struct operation);
	const struct operation *o = (const struct operation *)tail;

	if (q->argc > MAX_OPERATIONS || size > q->tail)
		return 0;
	for (uint32_t i = 0; i < q->argc; i++) {
		if (!o[i].kind || o[i].kind > OP_LAST)
			return 0;
		if (o[i].flags & OPERATION_KEEP && o[i].x >= SLOTS)
			return 0;
		if (o[i].kind == OP_ATTRIBUTES && o[i].x > SLOT_ROOT)
			return 0;
	}
	*strings = tail + size;
	const char *s = *strings, *end = tail + q->tail;
	for (uint64_t n = (uint64_t)q->argc * 4; n; n--) {
		const char *nul = memchr(s, 0, end - s);
		if (!nul)
			return 0;
		s = nul + 1;
	}
	return s == end;
}
