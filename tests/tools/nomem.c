/*
 * nomem - memory that cannot be had, once.
 *
 *	LD_PRELOAD=nomem.so NOMEM=N COMMAND...
 *
 * The N-th call of malloc(3), calloc(3), realloc(3) or reallocarray(3) fails
 * with ENOMEM, in COMMAND itself, not in what it runs.  With N = 0 none fails,
 * and the last line on standard error says how many there were: `nomem: 123'.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *(*real_malloc)(size_t);
static void *(*real_realloc)(void *, size_t);
static unsigned long fails_at, calls;

/* dlsym(3) may want memory before we can give any: this is never freed. */
static char first[4096];
static size_t first_used;

static void *
find(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void
begin(void)
{
	const char *text = getenv("NOMEM");
	void *symbol;

	symbol = find("malloc");
	memcpy(&real_malloc, &symbol, sizeof(symbol));
	symbol = find("realloc");
	memcpy(&real_realloc, &symbol, sizeof(symbol));
	fails_at = text == NULL ? 0 : strtoul(text, NULL, 10);
	unsetenv("LD_PRELOAD");		/* only in COMMAND itself */
	calls = 0;
}

__attribute__((destructor)) static void
end(void)
{
	if (fails_at == 0)
		dprintf(STDERR_FILENO, "nomem: %lu\n", calls);
}

static void *
get(void *old, size_t size)
{
	void *new;

	if (real_realloc == NULL) {
		new = first + first_used;
		first_used += (size + 15) & ~(size_t)15;
		return first_used <= sizeof(first) ? new : NULL;
	}
	if (__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED) == fails_at) {
		errno = ENOMEM;
		return NULL;
	}
	return old == NULL ? real_malloc(size) : real_realloc(old, size);
}

void *
malloc(size_t size)
{
	return get(NULL, size);
}

void *
calloc(size_t n, size_t size)
{
	void *new = NULL;

	if (size != 0 && n > SIZE_MAX / size)
		errno = ENOMEM;
	else
		new = get(NULL, n * size);
	return new == NULL ? NULL : memset(new, 0, n * size);
}

void *
realloc(void *old, size_t size)
{
	return get(old, size);
}

void *
reallocarray(void *old, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return get(old, n * size);
}
