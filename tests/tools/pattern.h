/*
 * pattern - data for tests: any byte of an endless stream from its offset.
 *
 * Each 8 bytes are a mixed counter (the finalizer of SplitMix64), so that no
 * two places look alike, a loss, a swap or a doubling of any length shows, and
 * a reader may begin anywhere.  A GiB is made or checked in well under a
 * second.  Streams of different seeds differ.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
pattern_word(uint64_t index, uint64_t seed)
{
	uint64_t x = (index + 1) * UINT64_C(0x9e3779b97f4a7c15) +
	    seed * UINT64_C(0xd1342543de82ef95);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static inline unsigned char
pattern_byte(uint64_t offset, uint64_t seed)
{
	return (unsigned char)(pattern_word(offset / 8, seed) >>
	    (offset % 8 * 8));
}

/* The stream's bytes from offset on. */
static inline void
pattern_fill(unsigned char *data, size_t length, uint64_t offset,
    uint64_t seed)
{
	uint64_t word;
	size_t i = 0;

	for (; i < length && (offset + i) % 8 != 0; i++)
		data[i] = pattern_byte(offset + i, seed);
	for (; length - i >= 8; i += 8) {
		word = htole64(pattern_word((offset + i) / 8, seed));
		memcpy(data + i, &word, 8);
	}
	for (; i < length; i++)
		data[i] = pattern_byte(offset + i, seed);
}

/* How many bytes are the stream's from offset on: length if all are. */
static inline size_t
pattern_check(const unsigned char *data, size_t length, uint64_t offset,
    uint64_t seed)
{
	uint64_t word;
	size_t i = 0;

	while (i < length) {
		if ((offset + i) % 8 == 0 && length - i >= 8) {
			memcpy(&word, data + i, 8);
			if (le64toh(word) ==
			    pattern_word((offset + i) / 8, seed)) {
				i += 8;
				continue;
			}
		}
		if (data[i] != pattern_byte(offset + i, seed))
			break;
		i++;
	}
	return i;
}

#endif
