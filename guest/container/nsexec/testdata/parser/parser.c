/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes what the helper and its processes do with a request before they do what it says: the
 * descriptors are sorted, the tail is taken apart, the program is looked up. It is built with
 * ASan and UBSan, and with -fsanitize-coverage=trace-pc for the sources under test: an input that
 * reaches new places is kept and changed further. gcc has no libFuzzer, so this is a small one.
 *
 *   parser <seconds> <directory for crashes> [seed file...]
 *
 * An input is a byte for how the message comes (bits of HOW_), the number of descriptors, and the
 * message. */

#define _GNU_SOURCE
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* The constructors of the sources would take this program for the helper. */
#define constructor unused
#include "../../helper.c"
#undef constructor
#include "../../plan.h"

enum { HOW_MEMFD = 1, HOW_MEND = 2, HOW_LOOK_UP = 4 };

enum { MAX_DATA = MAX_MESSAGE + 2, PLACES = 1 << 16, MAX_KEPT = 4096 };

static jmp_buf ended;
static unsigned char seen[PLACES], now[PLACES];
static uintptr_t before;

/* gcc calls it at each branch of the sources under test. */
__attribute__((no_sanitize("address", "undefined"))) void __sanitizer_cov_trace_pc(void)
{
	uintptr_t here = (uintptr_t)__builtin_return_address(0);

	now[(here ^ before) % PLACES] = 1;
	before = here >> 1;
}

/* The sources end a process by it; the linker's --wrap brings it here. */
_Noreturn void __wrap__exit(int status)
{
	(void)status;
	longjmp(ended, 1);
}

int binary_is_static(void);

static void check(const char *s, const struct received *r)
{
	if (s < r->tail || s + strlen(s) >= r->tail + r->request->tail)
		abort();
}

/* What comes behind the plan is no reading. */
_Noreturn void become_init(struct received *r)
{
	(void)r;
	abort();
}

/* use_plan reads all that the init of a container would. */
static void use_plan(struct received *r)
{
	const struct request *q = r->request;
	const struct operation *o = (const struct operation *)r->tail;
	const char *strings;

	if (!sound_plan(q, r->tail, &strings))
		return;
	for (uint32_t i = 0; i < q->argc; i++) {
		if (!o[i].kind || o[i].kind > OP_LAST || (o[i].flags & OPERATION_KEEP && o[i].x >= SLOTS))
			abort();
		for (int n = 0; n < 4; n++) {
			check(strings, r);
			strings += strlen(strings) + 1;
		}
	}
	if (strings != r->tail + q->tail)
		abort();
}

/* use reads all that a process would. */
static void use(struct received *r, int how)
{
	const struct request *q = r->request;
	static struct tail t;
	char file[4096];
	volatile uint64_t sum = 0;

	memset(&t, 0xa5, sizeof t); /* as the stack of a process may be */
	take_apart(r, &t);
	for (uint32_t i = 0; i < q->rlimits; i++)
		sum += t.limits[i].resource + t.limits[i].soft + t.limits[i].hard;
	for (uint32_t i = 0; i < q->groups; i++)
		sum += t.groups[i];
	if (q->filters)
		sum += ((unsigned char *)t.filters)[8 * (size_t)q->filters - 1];
	const char *fixed[] = { t.cwd, t.label, t.apparmor, t.path };
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		check(fixed[i], r);
	for (uint32_t i = 0; i < q->argc; i++)
		check(t.argv[i], r);
	for (uint32_t i = 0; i < q->envc; i++)
		check(t.envp[i], r);
	if (t.argv[q->argc] || t.envp[q->envc])
		abort();
	if (how & HOW_LOOK_UP)
		look_up(t.argv[0], t.path, file, sizeof file);
}

static int tail_in_memfd(const unsigned char *data, size_t size)
{
	int fd = memfd_create("tail", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		exit(2);
	return fd;
}

static void one(const unsigned char *data, size_t size)
{
	if (size < 2 + sizeof(struct request) || size > MAX_DATA)
		return;
	int how = data[0], n = data[1] % (MAX_DESCRIPTORS + 1), memfd = -1;
	/* A copy of exactly its size, so that a byte past its end is one too many. */
	size_t length = size - 2, head = sizeof(struct request);
	char *copy = malloc(length);
	struct received r = { .request = (struct request *)copy, .memfd = -1 };
	int *fd = malloc((n ? n : 1) * sizeof *fd);

	memcpy(copy, data + 2, length);
	struct request *q = (struct request *)copy;
	for (int i = 0; i < n; i++)
		fd[i] = 1000 + i;
	if (how & HOW_MEMFD)
		q->flags |= FLAG_MEMFD;
	if (how & HOW_MEND) {
		q->tail = length - head;
		q->namespaces %= 8, q->cgroups %= 4, q->rlimits %= 4, q->groups %= 8, q->filters %= 4;
		q->argc %= 200, q->envc %= 200;
	}
	if (!setjmp(ended) && !sort(&r, fd, n, q->flags & FLAG_MEMFD ? head : length)) {
		r.tail = copy + head;
		if (r.memfd >= 0) {
			/* What a memfd lacks of its tail would be SIGBUS, which only a helper's own
			 * process gets: the agent writes the whole. */
			q->tail = length - head;
			r.memfd = memfd = tail_in_memfd(data + 2 + head, length - head);
		}
		if (q->flags & FLAG_INIT)
			use_plan(&r);
		else
			use(&r, how);
	}
	if (memfd >= 0)
		close(memfd);
	free(fd);
	free(copy);
}

static struct kept { unsigned char *data; size_t size; } kept[MAX_KEPT];
static int keeps;

static void keep(const unsigned char *data, size_t size)
{
	if (keeps == MAX_KEPT)
		return;
	kept[keeps].data = malloc(size);
	memcpy(kept[keeps].data, data, size);
	kept[keeps++].size = size;
}

/* try tells whether the input has reached a new place. */
static int try(const unsigned char *data, size_t size)
{
	int fresh = 0;

	memset(now, 0, sizeof now);
	before = 0;
	one(data, size);
	for (int i = 0; i < PLACES; i++)
		if (now[i] && !seen[i])
			fresh = seen[i] = 1;
	return fresh;
}

static uint64_t state = 88172645463325252ULL;

static uint64_t dice(void)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return state;
}

static size_t change(unsigned char *data, size_t size)
{
	static const uint32_t odd[] = { 0, 1, 2, 64, 65, 127, 128, 255, 32768, 0x7fffffff, 0x80000000, 0xffffffff };
	size_t at = dice() % size;
	uint32_t word = odd[dice() % (sizeof odd / sizeof *odd)];

	switch (dice() % 6) {
	case 0:
		data[at] ^= 1 << dice() % 8;
		break;
	case 1:
		data[at] = dice();
		break;
	case 2: /* a field of the head */
		at = 2 + 4 * (dice() % (sizeof(struct request) / 4));
		if (at + 4 <= size)
			memcpy(data + at, &word, 4);
		break;
	case 3: /* shorter */
		size -= dice() % (size / 2 + 1);
		break;
	case 4: /* longer, with strings */
		for (int n = dice() % 64; n && size < MAX_DATA; n--)
			data[size++] = dice() % 3 ? "/:abin."[dice() % 7] : 0;
		break;
	case 5:
		data[at] = 0;
	}
	return size < 2 ? 2 : size;
}

static const char *crash_directory;
static unsigned char input[MAX_DATA];
static size_t input_size;

/* ASan calls it before it ends the program. */
void __asan_on_error(void);
void __asan_on_error(void)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/crash-%016llx", crash_directory, (unsigned long long)state);
	FILE *f = fopen(path, "w");
	if (f) {
		fwrite(input, 1, input_size, f);
		fclose(f);
		fprintf(stderr, "the input is in %s\n", path);
	}
}

static void on_abort(int signal)
{
	(void)signal;
	__asan_on_error();
	fprintf(stderr, "a string leads out of the tail, or a list has no end\n");
	quick_exit(3);
}

static void read_seed(const char *name)
{
	FILE *f = fopen(name, "r");

	if (!f)
		exit(2);
	input_size = fread(input, 1, sizeof input, f);
	fclose(f);
	try(input, input_size);
	keep(input, input_size);
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	crash_directory = argv[2];
	signal(SIGABRT, on_abort);
	/* Replies have nobody to go to. */
	if (dup2(open("/dev/null", O_RDWR), RESULT_FD) < 0)
		return 2;
	for (int i = 3; i < argc; i++)
		read_seed(argv[i]);
	int seeds = keeps;
	time_t end = seconds() + atoi(argv[1]);
	unsigned long runs = 0;
	while (seconds() < end)
		for (int i = 0; i < 1000; i++, runs++) {
			struct kept *k = &kept[dice() % keeps];
			memcpy(input, k->data, k->size);
			input_size = k->size;
			for (int n = 1 + dice() % 4; n; n--)
				input_size = change(input, input_size);
			if (try(input, input_size))
				keep(input, input_size);
		}
	int places = 0;
	for (int i = 0; i < PLACES; i++)
		places += seen[i];
	printf("%d seeds, %lu runs, %d inputs that reach new places, %d places\n", seeds, runs, keeps - seeds, places);
	return 0;
}
