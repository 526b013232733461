/*
 * buffer - a ring of bytes in user space.
 *
 * A large one takes memory as it is needed, up to its size; where there is
 * no more to be had it stays as large as it is.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <sys/uio.h>

struct buffer;

/* An empty ring for size > 0 bytes, owned by the caller; NULL and ENOMEM. */
struct buffer	*buffer_new(size_t size);
void		 buffer_free(struct buffer *);

size_t	 buffer_held(const struct buffer *);
size_t	 buffer_room(const struct buffer *);

/*
 * Take the memory for n <= room bytes more.  Returns 0, or -1 with ENOMEM:
 * then the room is what there is memory for.
 */
int	 buffer_reserve(struct buffer *, size_t n);

/*
 * The free space, or the bytes held, as one or two vectors for readv(2) and
 * writev(2), at most max bytes together; of the space at least one if there
 * is room, and memory for it.  Returns how many vectors.
 */
int	 buffer_space(struct buffer *, size_t max, struct iovec iov[2]);
int	 buffer_data(const struct buffer *, size_t max, struct iovec iov[2]);

/* The same for the last n <= held bytes that came in. */
int	 buffer_last(const struct buffer *, size_t n, struct iovec iov[2]);

/* n bytes came into the space, or went out of the data. */
void	 buffer_filled(struct buffer *, size_t n);
void	 buffer_emptied(struct buffer *, size_t n);

/* Forget the last n <= held bytes that came in. */
void	 buffer_drop_last(struct buffer *, size_t n);

/* Copy n <= room bytes in; see buffer_reserve(). */
void	 buffer_put(struct buffer *, const void *data, size_t n);

#endif
