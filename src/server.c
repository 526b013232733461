/*
 * server - a command behind two FIFOs, for one client after another.
 *
 * A client writes to NAME.in and reads from NAME.out.  Those that have a
 * ticket (ticket.h) come one at a time; others, such as `cat` and `>`, are
 * asked to.  A session begins with the first of them that has one of the two
 * open, and ends when NAME.in has hung up and the reader of NAME.out has come
 * and gone.  While a server waits it holds the read end of NAME.in, and waits
 * in open(2) for a reader of NAME.out: no client is kept waiting, in whatever
 * order it opens them.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <unistd.h>

#include "deadline.h"
#include "fifo.h"
#include "place.h"
#include "ready.h"
#include "rest.h"
#include "server.h"
#include "signals.h"
#include "status.h"
#include "ticket.h"
#include "trace.h"
#include "transient.h"

/* The kernel tells of a close(2) shortly before it releases the locks. */
#define LOCK_GRACE_NS	(5 * NS_PER_MS)

/* For a client whose session was cut short, to see that and leave. */
#define LEAVE_GRACE_NS	NS_PER_SEC

/*
 * How often a command is looked at that has not done with what it was told:
 * at first and at the least.  Where it cannot be seen what it does, silence
 * for so long means that it has.
 */
#define REST_LOOK_NS	NS_PER_MS
#define LOOK_SHARE	10		/* and one part of our time in these */
#define MOVED_LOOKS	10		/* a part of it that only ticks */
#define REST_SILENCE_NS	(100 * NS_PER_MS)

struct server {
	const struct server_options *opt;
	struct channel	*channel;
	struct ticket	 ticket;
	struct place	 in, out;
	int		 left;		/* the status of what they left */
	const char	*in_path, *out_path;	/* the channel's */
	struct partner	 partner;	/* the ends of this session */
	struct chore	 watch;		/* inotify(7), on all three */
	int		 in_wd, out_wd;
	bool		 in_closed;	/* a writer of NAME.in has gone */
	bool		 out_closed;	/* a reader of NAME.out has gone */
	bool		 has_ticket;	/* who has come */
	bool		 events;	/* there were some just now */
	bool		 writer_came;	/* and has gone, --persist */
	bool		 writer_stays;	/* though nobody reads any more */
	bool		 reader_left;
	/* --persist: the other ends of the command's pipes. */
	struct endpoint	 command_from, command_to;
	int		 in_held;	/* so that nothing written is lost */
	bool		 served;	/* somebody, so far */
	uint64_t	 told;		/* bytes to the command, since it was
					   at rest */
	int64_t		 heard_at;	/* what nobody is there to read */
	struct chore	 discard;	/* what nobody is there to read */
	struct limits	 at_rest;	/* between sessions: no -w */
	int64_t		 open_timeout;	/* -w, for a reader */
	struct flow	 totals[SIDES];	/* of all sessions */
};

static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static struct flow *
flow_to_client(struct server *server)
{
	return &server->channel->flows[LEFT];
}

static struct flow *
flow_from_client(struct server *server)
{
	return &server->channel->flows[RIGHT];
}

/* --- What is made, and goes at the end */

static int
explain_place(const struct place *place, enum place_result result)
{
	const char *path = trace_name(place->path);
	int errnum = errno;

	switch (result) {
	case PLACE_NOT_FIFO:
		warnx("%s: exists, but is not a FIFO", path);
		return STATUS_NOT_FIFO;
	case PLACE_FOREIGN:
		warnx("%s: exists, but belongs to somebody else", path);
		return STATUS_ERROR;
	default:
		warnc(errnum, "%s", path);
		return STATUS_ERROR;
	}
}

static int
make_fifo(struct server *server, struct place *place, const char *path)
{
	const struct place_wish wish = {
		.has_mode = true,
		.mode = server->opt->mode,
		.uid = (uid_t)PLACE_ID_NONE,
		.gid = (gid_t)PLACE_ID_NONE,
		.replace = true,
		.pin = true,
	};
	enum place_result result = place_make(place, path, &wish);

	server->left = status_join(server->left, run_say_left(place));
	return result == PLACE_MADE ? STATUS_OK : explain_place(place, result);
}

/* The names of the FIFOs: the channel keeps them for what is told of them. */
static int
make_names(struct channel *channel, const char *name)
{
	static const char *const suffixes[SIDES] = { "in", "out" };

	for (int i = 0; i < SIDES; i++)
		if (asprintf(&channel->names[i], "%s.%s", name,
		    suffixes[i]) == -1) {
			channel->names[i] = NULL;
			warn("%s", trace_safe(name));
			return STATUS_ERROR;
		}
	return STATUS_OK;
}

static int
make_all(struct server *server)
{
	struct run *run = &server->channel->run;
	int status = make_names(server->channel, server->opt->name);

	if (status != STATUS_OK)
		return status;
	server->in_path = server->channel->names[0];
	server->out_path = server->channel->names[1];
	if (ticket_serve(&server->ticket, server->opt->name,
	    server->opt->mode, &run->outcome) == -1)
		return run_explain(run, &run->outcome);
	status = make_fifo(server, &server->in, server->in_path);
	if (status == STATUS_OK)
		status = make_fifo(server, &server->out, server->out_path);
	return status;
}

static int
remove_all(struct server *server, int status)
{
	struct place *places[] = { &server->in, &server->out };

	for (int i = 0; i < 2; i++)
		if (places[i]->made)
			status = status_join(status,
			    run_remove_place(places[i]));
	/* After them, so that a FIFO without it is nobody's. */
	if (ticket_remove(&server->ticket) == -1) {
		warn("%s: not removed", trace_name(server->ticket.path));
		status = status_join(status, STATUS_ERROR);
	}
	ticket_close(&server->ticket);
	return status_join(server->left, status);
}

/* --- What happens at the names */

static void
take_event(struct server *server, const struct inotify_event *event)
{
	if (event->wd == server->in_wd && (event->mask & IN_CLOSE_WRITE) != 0)
		server->in_closed = true;
	/* Only others have it open for reading; both ways is rare. */
	if (event->wd == server->out_wd &&
	    (event->mask & IN_CLOSE_NOWRITE) != 0)
		server->out_closed = true;
}

/* Returns whether there was any. */
static bool
read_events(struct server *server)
{
	char buffer[4096]
	    __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	bool any = false;
	ssize_t n;

	while ((n = read(server->watch.fd, buffer, sizeof(buffer))) > 0)
		for (const char *at = buffer; at < buffer + n;
		    at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			take_event(server, event);
			any = true;
		}
	return any;
}

/* --persist: what the command says from now on is for nobody. */
static void
discard_answers(struct server *server)
{
	if (server->opt->persist)
		server->discard.fd = server->command_from.fd;
}

/*
 * The client with the ticket is gone, and never opened one of the FIFOs, or
 * both: then nobody will.
 */
static void
let_go(struct server *server)
{
	struct flow *in = flow_from_client(server);

	if (in->state == FLOW_WAITING) {
		flow_peer_came(in);
		flow_wake(in);
	}
	if (!flow_to_client(server)->sink_pending)
		return;
	server->reader_left = true;
	discard_answers(server);
}

/*
 * Whether all is heard of a client that has gone.  Somebody else may have it
 * open, or we anew, so that its end need not come.
 */
static bool
is_heard(const struct server *server, const struct flow *in)
{
	enum fifo_peer peer;

	if (flow_held(in) > 0)
		return false;
	peer = fifo_probe_writer(&in->source);
	return peer == FIFO_WRITER || (peer == FIFO_NO_WRITER &&
	    server->opt->persist);
}

/* Something happened at the names during a session. */
static int
look_at_names(struct chore *chore, int64_t now, struct outcome *outcome)
{
	struct server *server = chore->arg;
	const struct flow *in = flow_from_client(server);
	const struct flow *out = flow_to_client(server);
	bool any = read_events(server);

	chore->at = DEADLINE_NEVER;
	/* What is left then is the command's own business. */
	if (!server->has_ticket || (flow_is_over(in) && flow_is_over(out)))
		return 0;
	if (ticket_is_held(&server->ticket)) {
		chore->at = now + (any ? LOCK_GRACE_NS : LIMIT_LOOK_NS);
		return 0;
	}
	let_go(server);
	if (!server->reader_left) {
		chore->at = now + LIMIT_LOOK_NS;
		return 0;
	}
	/* What it has said before is heard to the end. */
	if (!flow_is_over(in) && (server->opt->persist || !out->sink_pending) &&
	    !is_heard(server, in)) {
		chore->at = now + LIMIT_LOOK_NS;
		return 0;
	}
	/* The command gets its end of file, and has nobody to talk to. */
	return outcome_set(outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
}

static int
add_watch(const struct server *server, const struct place *place)
{
	char path[ENDPOINT_PROC_PATH];

	endpoint_proc_path(path, place->fd);
	return inotify_add_watch(server->watch.fd, path, IN_CLOSE);
}

static int
watch_names(struct server *server)
{
	server->watch.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (server->watch.fd != -1) {
		server->in_wd = add_watch(server, &server->in);
		server->out_wd = add_watch(server, &server->out);
		if (server->in_wd != -1 && server->out_wd != -1 &&
		    inotify_add_watch(server->watch.fd, server->ticket.path,
		    IN_MODIFY | IN_CLOSE_WRITE) != -1)
			return STATUS_OK;
	}
	warn("inotify");
	return STATUS_ERROR;
}

/* --- Between sessions */

/* --persist: what is written there while nobody reads shall not be lost. */
static void
hold_in(struct server *server)
{
	if (!server->opt->persist)
		return;
	close_fd(&server->in_held);
	server->in_held = endpoint_open_again(server->in.fd,
	    O_RDONLY | O_NONBLOCK);
}

/* What the command says while nobody is there to hear it. */
static int
discard_some(struct chore *chore, int64_t now, struct outcome *outcome)
{
	struct server *server = chore->arg;
	char buffer[4096];
	ssize_t n;

	(void)outcome;
	n = endpoint_ready(&server->command_from, POLLIN, 0) == 0 ? -1 :
	    read(server->command_from.fd, buffer, sizeof(buffer));
	if (n == 0)		/* the command has closed it */
		chore->fd = -1;
	if (n > 0)
		server->heard_at = now;
	return 0;
}

static bool
command_has_ended(struct server *server)
{
	struct channel *channel = server->channel;

	child_reap(channel->children, channel->nchildren);
	return server->opt->persist && channel->children[0].pid == 0;
}

/* One wait, until something happens or a deadline.  0, or -1 with outcome. */
static int
wait_once(struct server *server, const struct endpoint *in, int64_t until)
{
	struct run *run = &server->channel->run;
	struct pollfd slots[5];
	struct timespec ts;
	int64_t now = deadline_now();
	size_t n;

	server->watch.at = DEADLINE_NEVER;
	server->partner.chore.next = &server->discard;
	server->discard.next = NULL;
	if (limit_check(&run->limits, now, SIDE_NONE, NULL,
	    &run->outcome) == -1)
		return -1;
	slots[0] = (struct pollfd){ .fd = server->watch.fd, .events = POLLIN };
	slots[1] = (struct pollfd){ .fd = in == NULL ? -1 : in->fd,
		.events = POLLIN };
	chore_poll(&server->partner.chore, slots + 2);
	n = 2 + chore_count(&server->partner.chore);
	/* Else their signal would be news for ever. */
	child_reap(server->channel->children, server->channel->nchildren);
	until = chore_next(&server->partner.chore,
	    deadline_min(until, run->limits.deadline));
	if (transient_ppoll(slots, n, deadline_left(signals_arrived() ? now :
	    until, now, &ts), signals_wait_mask()) == -1)
		return errno == EINTR ? 0 :
		    outcome_set(&run->outcome, OUTCOME_ERROR, SIDE_NONE, errno,
		    NULL);
	server->events = read_events(server);
	return chore_run(&server->partner.chore, slots + 2, deadline_now(),
	    &run->outcome);
}

/*
 * New ends: nothing of an earlier session is in them.  A reader that comes
 * releases the thread of the partner.
 */
static int
open_ends(struct server *server)
{
	struct run *run = &server->channel->run;

	partner_init(&server->partner, server->in_path, server->out_path);
	server->partner.from_pinned = server->in.fd;
	server->partner.to_pinned = server->out.fd;
	server->at_rest = run->limits;
	server->at_rest.open_timeout = 0;
	if (partner_open(&server->partner, &server->at_rest,
	    &run->outcome) == -1)
		return -1;
	return partner_wait(&server->partner, &run->outcome);
}

/* Where poll(2) fails, for once, nobody is known to be there. */
static bool
has_opened(const struct partner *partner)
{
	struct pollfd pfd = { .fd = partner->from.fd, .events = POLLIN };

	return !partner->pending || poll(&pfd, 1, 0) == 1;
}

/* Whether somebody is there, with a ticket or without. */
static bool
client_came(struct server *server)
{
	const struct partner *partner = &server->partner;

	server->has_ticket = ticket_is_taken(&server->ticket);
	if (server->has_ticket && !ticket_is_held(&server->ticket) &&
	    !has_opened(partner)) {
		/* It died before it opened anything. */
		ticket_next(&server->ticket);
		ticket_offer(&server->ticket);
		server->has_ticket = false;
		return false;
	}
	if (server->has_ticket)
		return true;
	if (!has_opened(partner))
		return false;
	/* From now on it is too late for a ticket. */
	server->has_ticket = !ticket_withdraw(&server->ticket);
	return true;
}

/* Returns 1 when a client has come, 0 when none will, -1 with the outcome. */
static int
wait_for_client(struct server *server)
{
	struct run *run = &server->channel->run;
	int64_t now = deadline_now();
	int64_t by = server->opt->keep || server->opt->persist ?
	    DEADLINE_NEVER : deadline_after(now, run->limits.open_timeout);

	ticket_offer(&server->ticket);
	trace_event("%s: waiting for a client",
	    trace_safe(server->opt->name));
	while (!client_came(server)) {
		if (command_has_ended(server))
			return 0;
		now = deadline_now();
		if (now >= by)
			return outcome_set(&run->outcome, OUTCOME_OPEN_TIMEOUT,
			    SIDE_SOURCE, 0, server->in_path);
		if (!fifo_path_is(server->in_path, server->in.dev,
		    server->in.ino))
			return outcome_set(&run->outcome, OUTCOME_REMOVED,
			    SIDE_SOURCE, 0, server->in_path);
		/* A file system may not tell of a ticket: look. */
		if (wait_once(server, &server->partner.from, deadline_min(by,
		    now + LIMIT_LOOK_NS)) == -1)
			return -1;
	}
	trace_event("%s: a client came%s", trace_safe(server->opt->name),
	    server->has_ticket ? ", with a ticket" : "");
	return 1;
}

/* Whether a writer of NAME.in, one of which has gone, is still there. */
static bool
has_writer(struct server *server)
{
	struct outcome outcome;
	struct endpoint end;
	bool result;

	server->in_closed = false;
	if (fifo_open_pinned(&end, server->in.fd, O_RDONLY, server->in_path,
	    &outcome) == -1)
		return false;
	result = fifo_probe_writer(&end) == FIFO_WRITER;
	endpoint_finish(&end);
	return result;
}

/*
 * The same of NAME.out.  To open it hides the end of the file for a moment,
 * and meets the next reader too early; so only where nothing else tells.
 */
static bool
has_reader(struct server *server)
{
	int fd = endpoint_open_again(server->out.fd, O_WRONLY | O_NONBLOCK);

	if (fd != -1)
		close(fd);
	return fd != -1 || errno != ENXIO;
}

/*
 * The answer is given.  Before the next one is waited for, the reader has to
 * see its end of file, which it would not if there were another writer by
 * then; and a writer that was not heard to its end, that nobody listens.
 * Returns 1 when they have left, 0 when not all have in time, or -1 with the
 * outcome.
 */
static int
wait_for_leaving(struct server *server, bool reader, bool writer, int64_t by)
{
	int64_t now = deadline_now(), look = now + LIMIT_LOOK_NS;

	server->events = true;
	while (reader || writer) {
		if (server->has_ticket && !ticket_is_held(&server->ticket))
			break;
		now = deadline_now();
		if (now >= by)
			return 0;
		if (writer && server->in_closed)
			writer = has_writer(server);
		if (reader && now >= look) {
			reader = has_reader(server);
			look = now + LIMIT_LOOK_NS;
		}
		reader = reader && !server->out_closed;
		if ((reader || writer) && wait_once(server, NULL,
		    deadline_min(by, now + (server->events ? LOCK_GRACE_NS :
		    LIMIT_LOOK_NS))) == -1)
			return -1;
	}
	return 1;
}

/* Somebody does not let go of the FIFOs: he may keep them. */
static int
renew_fifos(struct server *server)
{
	struct place old_in = server->in, old_out = server->out;
	int status;

	status = make_fifo(server, &server->in, server->in_path);
	if (status != STATUS_OK)
		server->in = old_in;
	else {
		place_close(&old_in);
		status = make_fifo(server, &server->out, server->out_path);
		if (status != STATUS_OK)
			server->out = old_out;
		else
			place_close(&old_out);
	}
	if (status != STATUS_OK)
		return status;
	trace_event("%s: new FIFOs, the old ones are in use",
	    trace_safe(server->opt->name));
	close_fd(&server->watch.fd);
	status = watch_names(server);
	hold_in(server);
	return status;
}

/* What was said to an earlier client until now, and nobody has read. */
static void
drop_answers(struct server *server)
{
	char buffer[4096];
	int unread;
	ssize_t n;

	if (ioctl(server->command_from.fd, FIONREAD, &unread) == -1)
		return;
	while (unread > 0) {
		n = read(server->command_from.fd, buffer,
		    MIN((size_t)unread, sizeof(buffer)));
		if (n <= 0 && errno != EINTR)
			break;
		unread -= (int)MAX(n, 0);
		server->heard_at = deadline_now();
	}
}

/* What a client has said that was not heard to the end. */
static void
drop_words(struct server *server)
{
	char buffer[4096];

	hold_in(server);
	while (server->in_held != -1 &&
	    read(server->in_held, buffer, sizeof(buffer)) > 0)
		continue;
}

/*
 * Look whether the command has done with what it was told.  What is in its
 * pipe then belongs to that.
 */
static enum rest
look_at_rest(struct server *server, int *unread)
{
	enum rest rest = rest_look(&server->command_to,
	    &server->channel->children[0], unread);

	drop_answers(server);
	if (rest == REST_UNKNOWN)
		rest = deadline_now() >= server->heard_at + REST_SILENCE_NS ?
		    REST_YES : REST_NOT;
	if (rest == REST_YES)
		server->told = 0;
	return rest;
}

static void
explain_settling(struct server *server)
{
	struct run *run = &server->channel->run;

	outcome_set(&run->outcome, OUTCOME_IDLE_TIMEOUT, SIDE_NONE, 0, NULL);
	run_explain(run, &run->outcome);
	outcome_set(&run->outcome, OUTCOME_DONE, SIDE_NONE, 0, NULL);
}

/*
 * -T ran out.  Nobody else shall have an answer to what was not read; but
 * what was read will be answered, unless it waits for more already.
 */
static void
give_up(struct server *server, enum rest rest, int unread)
{
	rest_take_away(&server->command_to);
	if (rest == REST_WORKS || rest == REST_MOVED ||
	    (uint64_t)unread >= server->told)
		server->told = 0;
}

/* Let what happens happen until then; a look costs more than a wake-up. */
static int
wait_until(struct server *server, int64_t until)
{
	while (deadline_now() < until && !command_has_ended(server))
		if (wait_once(server, NULL, until) == -1)
			return -1;
	return 0;
}

/*
 * --persist: wait until the command has done with what it was told, and throw
 * away what it says to that.  Returns STATUS_OK, or the status.
 */
static int
settle(struct server *server, bool timed_out)
{
	struct run *run = &server->channel->run;
	int64_t began = deadline_now(), taken_at = began, now, pause;
	bool explained = timed_out;
	int unread, before = -1, looks = 0, moved = 0;
	enum rest rest;

	server->heard_at = began;
	while (server->told > 0 && !command_has_ended(server)) {
		began = deadline_now();
		rest = look_at_rest(server, &unread);
		now = deadline_now();
		if (before == -1 && rest != REST_YES)
			trace_event("%s: waiting until %s asks for more",
			    trace_safe(server->opt->name),
			    trace_name(server->channel->sides[LEFT].name));
		taken_at = unread == before ? taken_at : now;
		before = unread;
		moved = rest == REST_NOT ? 0 : moved + (rest == REST_MOVED);
		if (moved > MOVED_LOOKS)
			break;
		if (server->told > 0 && (timed_out || now >=
		    deadline_after(taken_at, run->limits.idle_timeout))) {
			if (!explained)
				explain_settling(server);
			timed_out = explained = true;
			give_up(server, rest, unread);
		}
		/* The longer it takes, the more seldom. */
		looks = MIN(looks + 1, LOOK_SHARE);
		pause = MAX(looks * (now - began), moved > 0 ? 0 :
		    now - MAX(taken_at, server->heard_at));
		if (server->told > 0 && wait_until(server, now +
		    MIN(MAX(pause, REST_LOOK_NS), LIMIT_LOOK_NS)) == -1)
			return run_explain(run, &run->outcome);
	}
	server->told = 0;
	return STATUS_OK;
}

/*
 * The end of a session, however it came.  Returns STATUS_OK when there can be
 * another one, or the status.
 */
static int
part(struct server *server)
{
	struct run *run = &server->channel->run;
	bool timed_out = run->outcome.why == OUTCOME_IDLE_TIMEOUT;
	const struct flow *to = flow_to_client(server);
	const struct flow *from = flow_from_client(server);
	bool cut = !flow_is_over(from) && !to->decides;
	bool reader, writer;
	int status = STATUS_OK;
	int64_t by;

	if (server->opt->persist && !cut && from->state != FLOW_BROKEN)
		return settle(server, false);
	/* Who goes on writing shall see that nobody reads. */
	close_fd(&server->in_held);
	cut = cut || !flow_is_over(to);
	reader = !server->reader_left &&
	    (cut || to->state == FLOW_CLOSED);
	writer = cut || server->writer_stays;
	by = cut ? deadline_now() + LEAVE_GRACE_NS :
	    deadline_after(deadline_now(), run->limits.idle_timeout);
	switch (wait_for_leaving(server, reader, writer, by)) {
	case 1:
		drop_words(server);
		break;
	case 0:
		status = renew_fifos(server);
		break;
	default:
		return run_explain(run, &run->outcome);
	}
	return status == STATUS_OK ? settle(server, timed_out) : status;
}

/* --- A session */

/* Whether nobody has, since the last writer left or the present one came. */
static bool
said_nothing_more(const struct server *server, const struct flow *in)
{
	if (in->state == FLOW_WAITING)
		return !server->has_ticket || server->writer_came;
	return server->opt->persist && !server->has_ticket &&
	    in->state == FLOW_OPEN && in->bytes_in == in->source_start &&
	    fifo_probe_writer(&in->source) != FIFO_DATA;
}

/*
 * One direction is over.  Towards the client: when nobody has said anything
 * new since it left, it was the other one's last word, too.  But who has a
 * ticket will open both.
 */
static void
direction_over(struct channel *channel, struct flow *flow)
{
	struct server *server = channel->owner;
	struct flow *in = flow_from_client(server);
	enum fifo_peer peer;

	if (flow == in) {
		/* Who is not heard to the end, if there is anybody. */
		peer = fifo_probe_writer(&in->source);
		server->writer_stays = in->state == FLOW_BROKEN &&
		    (peer == FIFO_WRITER || peer == FIFO_DATA);
		server->watch.at = deadline_now();
		return;
	}
	server->out_closed = false;
	read_events(server);
	server->out_closed = false;
	server->reader_left = flow->sink.fd == -1 ||
	    (endpoint_ready(&flow->sink, 0, 0) & POLLERR) != 0;
	discard_answers(server);
	server->watch.at = deadline_now();
	if (said_nothing_more(server, in)) {
		flow->decides = true;
		in->runnable = false;
	}
}

/* --persist: the next writer of the same client, while it reads. */
static int
follow(struct flow *flow, struct outcome *outcome)
{
	struct channel *channel = flow->arg;
	struct server *server = channel->owner;

	server->writer_came = true;
	if (server->reader_left || flow_is_over(flow_to_client(server)))
		return 0;
	if (fifo_reopen_read(&flow->source) == -1 ||
	    flow_next_source(flow) == -1)
		return outcome_set(outcome, OUTCOME_ERROR, SIDE_SOURCE, errno,
		    flow->source.name);
	return 1;
}

static int
copy_end(struct endpoint *copy, const struct endpoint *end, int access)
{
	int fd = fcntl(end->fd, F_DUPFD_CLOEXEC, 3);

	if (fd == -1)
		return -1;
	if (endpoint_init(copy, fd, access, end->name) == 0)
		return 0;
	close(fd);
	return -1;
}

static int
prepare_sides(struct server *server)
{
	struct channel *channel = server->channel;
	struct channel_side *side = &channel->sides[LEFT];

	for (int i = 0; i < SIDES; i++)
		flow_init(&channel->flows[i]);
	channel->sides[RIGHT] = (struct channel_side){
		.kind = CHANNEL_PARTNER, .partner = &server->partner
	};
	side->kin_named = false;
	if (!server->opt->persist) {
		if (side->child != NULL)
			channel_reset_command(side->child);
		return 0;
	}
	flow_from_client(server)->source_ended = follow;
	side->kind = CHANNEL_ENDS;
	if (copy_end(&side->from, &server->command_from, O_RDONLY) == 0 &&
	    copy_end(&side->to, &server->command_to, O_WRONLY) == 0)
		return 0;
	warn("%s", trace_safe(side->name));
	return -1;
}

static void
add_totals(struct server *server)
{
	struct flow *total, *flow;

	for (int i = 0; i < SIDES; i++) {
		total = &server->totals[i];
		flow = &server->channel->flows[i];
		total->source = flow->source;
		total->sink = flow->sink;
		total->transport = flow->transport == NULL ?
		    total->transport : flow->transport;
		total->copied = total->copied || flow->copied;
		total->bytes_in += flow->bytes_in;
		total->bytes_out += flow->bytes_out;
		total->discarded += flow->discarded;
		for (int j = 0; j < SIDE_COUNT; j++)
			total->wait_ns[j] += flow_wait_ns(flow, (enum side)j);
	}
}

static int
session(struct server *server)
{
	struct channel *channel = server->channel;
	struct limits *limits = &channel->run.limits;
	int64_t now = deadline_now();
	int status;

	if (prepare_sides(server) == -1) {
		partner_close(&server->partner);
		return STATUS_ERROR;
	}
	server->in_closed = server->out_closed = server->reader_left = false;
	server->writer_came = server->writer_stays = false;
	if (server->opt->persist && server->served)
		drop_answers(server);
	server->discard.fd = -1;
	server->watch.at = now + LOCK_GRACE_NS;
	if (server->partner.pending) {
		server->partner.open_by = deadline_after(now,
		    server->open_timeout);
		server->partner.chore.at = now;
	}
	server->watch.next = &server->discard;
	server->discard.next = NULL;
	limits->chores = &server->watch;
	status = channel_run(channel, true);
	limits->chores = NULL;
	if (server->opt->persist)
		server->told += flow_from_client(server)->bytes_out;
	add_totals(server);
	return status;
}

/* Whether what ended a session ends the server, too. */
static bool
is_fatal(const struct server *server, int status)
{
	return signals_fatal() != 0 ||
	    deadline_now() >= server->channel->run.limits.deadline ||
	    (server->opt->keep && (status == STATUS_CANNOT_EXEC ||
	    status == STATUS_NOT_FOUND) &&
	    server->channel->children[0].ended_ns == 0);
}

/* One client.  Returns 1 to go on, 0 when that was all. */
static int
serve_one(struct server *server, int *status)
{
	struct run *run = &server->channel->run;
	int came;

	came = open_ends(server) == -1 ? -1 : wait_for_client(server);
	if (came != 1) {
		partner_close(&server->partner);
		*status = came == 0 ? STATUS_OK :
		    run_explain(run, &run->outcome);
		return 0;
	}
	*status = session(server);
	server->served = true;
	discard_answers(server);
	if (is_fatal(server, *status) || command_has_ended(server) ||
	    !(server->opt->keep || server->opt->persist))
		return 0;
	*status = part(server);
	if (server->has_ticket)
		ticket_next(&server->ticket);
	return *status == STATUS_OK;
}

/* --persist: the command with two pipes, for all clients. */
static int
start_command(struct server *server)
{
	struct channel *channel = server->channel;
	struct channel_side *side = &channel->sides[LEFT];
	int status = channel_start(channel);

	server->command_from = side->from;
	server->command_to = side->to;
	endpoint_init_none(&side->from, side->name);
	endpoint_init_none(&side->to, side->name);
	channel->keep_commands = true;
	hold_in(server);
	return status;
}

static int
end_command(struct server *server, int status)
{
	struct channel *channel = server->channel;
	bool ended;

	endpoint_finish(&server->command_to);
	endpoint_finish(&server->command_from);
	close_fd(&server->in_held);
	ended = channel->children[0].pid == 0;
	run_say_lost(channel->children, channel->nchildren);
	if (ended && channel->children[0].ended_ns != 0)
		status = status_join(channel->children[0].status, status);
	else
		child_end_all(channel->children, channel->nchildren, false);
	return status;
}

static int
serve(struct server *server)
{
	int status = watch_names(server);

	if (status == STATUS_OK && server->opt->persist)
		status = start_command(server);
	if (status == STATUS_OK)
		status = ready_say(server->opt->ready_fd);
	if (status == STATUS_OK)
		while (serve_one(server, &status) == 1)
			continue;
	if (server->opt->persist)
		status = end_command(server, status);
	return status;
}

int
server_run(struct channel *channel, const struct server_options *opt)
{
	struct server server = {
		.opt = opt,
		.channel = channel,
		.ticket.fd = -1,
		.in.fd = -1, .in.dir_fd = -1,
		.out.fd = -1, .out.dir_fd = -1,
		.in_held = -1,
		.watch = { .fd = -1, .call = look_at_names },
		.discard = { .fd = -1, .at = DEADLINE_NEVER,
		    .call = discard_some },
	};
	int status;

	server.watch.arg = server.discard.arg = &server;
	channel->over = direction_over;
	channel->owner = &server;
	partner_init(&server.partner, NULL, NULL);
	endpoint_init_none(&server.command_from, NULL);
	endpoint_init_none(&server.command_to, NULL);
	for (int i = 0; i < SIDES; i++)
		flow_init(&server.totals[i]);
	server.open_timeout = channel->run.limits.open_timeout;
	/* Between the writers of one client there may be any time. */
	if (opt->persist)
		channel->run.limits.open_timeout = 0;
	status = make_all(&server);
	if (status == STATUS_OK)
		status = serve(&server);
	partner_close(&server.partner);
	close_fd(&server.watch.fd);
	status = remove_all(&server, status);
	if (signals_fatal() != 0)
		signals_condemn(signals_fatal());
	for (int i = 0; i < SIDES; i++)
		channel->flows[i] = server.totals[i];
	return status;
}

/* --- A client */

/*
 * The command has ended, or reads no more, before we had NAME.in open: a
 * write end without any reader says the same.
 */
static int
open_without_reader(struct partner *partner, struct outcome *outcome)
{
	int fds[2];

	if (transient_pipe2(fds, O_CLOEXEC) == 0) {
		close(fds[0]);
		if (endpoint_init(&partner->to, fds[1], O_WRONLY,
		    partner->to_path) == 0)
			return 0;
		close(fds[1]);
	}
	return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK, errno,
	    partner->to_path);
}

/* A server that gives a ticket has both open, or has begun to answer. */
static int
open_as_client(struct partner *partner, const struct ticket *ticket,
    const struct limits *limits, struct outcome *outcome)
{
	struct limits at_once = *limits;

	at_once.nonblock = true;
	if (partner_open(partner, &at_once, outcome) == -1) {
		if (outcome->why != OUTCOME_NO_PEER)
			return -1;
		if (!ticket_is_served(ticket) &&
		    endpoint_ready(&partner->from, POLLIN, 0) == 0)
			return outcome_set(outcome, OUTCOME_ERROR, SIDE_SINK,
			    ECONNREFUSED, partner->to_path);
		if (open_without_reader(partner, outcome) == -1)
			return -1;
	}
	partner->limits = limits;
	return 0;
}

int
server_connect(struct channel *channel, const char *name)
{
	struct run *run = &channel->run;
	struct partner partner;
	struct ticket ticket;
	int status = make_names(channel, name);

	if (status != STATUS_OK)
		return status;
	if (ticket_take(&ticket, name, &run->limits, &run->outcome) == -1) {
		status = run_conclude(run);
		ticket_close(&ticket);
		return status;
	}
	partner_init(&partner, channel->names[1], channel->names[0]);
	channel->sides[RIGHT] = (struct channel_side){
		.kind = CHANNEL_PARTNER, .partner = &partner
	};
	if (open_as_client(&partner, &ticket, &run->limits,
	    &run->outcome) == -1) {
		status = run_conclude(run);
		partner_close(&partner);
	} else
		status = channel_run(channel, true);
	ticket_close(&ticket);
	return status;
}
