#!/usr/bin/env bats

# Real programs that read or write FIFOs made, held, read and written by ours.

# shellcheck disable=SC2016 # programs for an inner shell
# shellcheck disable=SC2154,SC2030,SC2031 # what lib/common and run set

load lib/common

@test "a tree goes as tar through a FIFO into zstd, and back" {
	need tar zstd
	mkdir tree back
	cp -R "$SRCDIR/src" tree/
	random_file 2000000 tree/data
	printf x > $'tree/a name with\nnewline'
	ipctool fifo-create q
	background bash -c '"$IPCTOOL" fifo-read q | zstd -q > packed'
	local reader=$PID
	limited bash -o pipefail -c \
	    'tar -C tree -cf - . | "$IPCTOOL" fifo-write -D q'
	ends_with 0 "$reader"
	background bash -c 'zstd -dq < packed | "$IPCTOOL" fifo-write q'
	limited tar -C back -xf q
	ends_with 0 "$PID"
	diff -r tree back
}

@test "sqlite3 imports from a FIFO that is written to" {
	need sqlite3
	seq 5000 | sed 's/.*/&,name &/' > data
	run -0 ipctool fifo-create --temp bash -c '
		"$IPCTOOL" fifo-write "$FIFO" < data &
		sqlite3 db "create table t(id integer, name text)" \
		    ".mode csv" ".import $FIFO t" &&
		    wait "$!" && sqlite3 db "select count(*), sum(id),
		    max(name) from t"'
	is "5000|12502500|name 999"
}

@test "sqlite3 is a server: 1,000 writers feed its console through one FIFO" {
	need sqlite3
	ipctool fifo-create console
	background bash -c '"$IPCTOOL" fifo-read -f -l 1002 console |
	    sqlite3 db'
	local server=$PID n writers=()
	ipctool fifo-write -m 'pragma synchronous = off;' \
	    -m 'create table t(id integer);' console
	for n in 0 1 2 3; do
		background bash -c 'for ((n = $1; n < 1000; n += 4)); do
			"$IPCTOOL" fifo-write -A -m \
			    "insert into t values($n);" console || exit
		done' bash "$n"
		writers+=("$PID")
	done
	for n in "${writers[@]}"; do
		ends_with 0 "$n"
	done
	ends_with 0 "$server"
	run -0 sqlite3 db \
	    'select count(*), count(distinct id), sum(id) from t'
	is "1000|1000|499500"
}

@test "a server that reads its console from a held FIFO hears 1,000 writers" {
	local n writers=()

	# Nothing but standard input, which never ends: `stop` does it.
	background ipctool fifo-create -u --hold console :: bash -c '
		while IFS= read -r line; do
			[[ $line != stop ]] || exit 0
			printf "%s\n" "$line"
		done < console' > log
	local server=$PID
	wait_until test -p console
	for n in 0 1 2 3; do
		background bash -c 'for ((n = $1; n < 1000; n += 4)); do
			if ((n % 8 < 4)); then
				"$IPCTOOL" fifo-write -m "say $n" console
			else
				echo "say $n" > console
			fi || exit
		done' bash "$n"
		writers+=("$PID")
	done
	for n in "${writers[@]}"; do
		ends_with 0 "$n"
	done
	ipctool fifo-write -n -m stop console
	ends_with 0 "$server"
	same <(sort -k 2n log) <(seq -f 'say %g' 0 999)
	[[ ! -e console ]]
}

@test "openssl takes a password from a FIFO: it is on no disk and in no argument" {
	need openssl
	random_file 100000 data
	local n
	for n in 1 2 3; do
		run -0 ipctool fifo-create --temp -m 600 bash -c '
			"$IPCTOOL" fifo-write -w 10 -m "geheim $1" "$FIFO" &
			openssl enc -aes-256-cbc -pbkdf2 -in data \
			    -out secret -pass "file:$FIFO" && wait "$!"' \
		    bash "$n"
	done
	run -0 ipctool fifo-create --temp -m 600 bash -c '
		"$IPCTOOL" fifo-write -m "geheim 3" "$FIFO" &
		openssl enc -d -aes-256-cbc -pbkdf2 -in secret -out out \
		    -pass "file:$FIFO" && wait "$!"'
	same data out
	# One wrong password in 256 leaves what looks like a right end.
	openssl enc -d -aes-256-cbc -pbkdf2 -in secret -out wrong \
	    -pass pass:wrong 2> err || :
	run ! cmp -s data wrong
}

@test "gpg takes a passphrase from a FIFO" {
	need gpg gpg-agent gpgconf
	random_file 100000 data
	# The path of its socket may not be long.
	GNUPGHOME=$(mktemp -d "${TMPDIR:-/tmp}/gpg.XXXXXX")
	export GNUPGHOME
	# shellcheck disable=SC2016
	local gpg='gpg --batch --yes --quiet --no-symkey-cache
	    --pinentry-mode loopback --passphrase-file "$FIFO"'
	run ipctool fifo-create --temp -m 600 bash -c '
		"$IPCTOOL" fifo-write -w 10 -m geheim "$FIFO" &
		'"${gpg//$'\n'/ }"' -c -o secret data && wait "$!"'
	local first=$status
	run ipctool fifo-create --temp -m 600 bash -c '
		"$IPCTOOL" fifo-write -w 10 -m geheim "$FIFO" &
		'"${gpg//$'\n'/ }"' -d -o out secret && wait "$!"'
	gpgconf --kill all || :
	rm -rf "$GNUPGHOME"
	((first == 0 && status == 0))
	same data out
}

@test "nginx writes its access log into a held FIFO, and never waits for a reader" {
	local n

	need nginx socat
	ipctool fifo-create -m 600 access
	background ipctool fifo-create -e --hold access
	wait_until holds "$PID" access
	# A socket's path may not be long.
	SOCKETS=$(mktemp -d "${TMPDIR:-/tmp}/nginx.XXXXXX")
	export SOCKETS
	cat > nginx.conf <<-END
		daemon off;
		master_process off;
		pid $PWD/nginx.pid;
		error_log stderr crit;
		$( ((EUID != 0)) || echo "user root;")
		events { }
		http {
			log_format short '\$request_uri \$status';
			access_log $PWD/access short;
			client_body_temp_path $PWD/body;
			proxy_temp_path $PWD/proxy;
			fastcgi_temp_path $PWD/fastcgi;
			uwsgi_temp_path $PWD/uwsgi;
			scgi_temp_path $PWD/scgi;
			server {
				listen unix:$SOCKETS/s;
				location / { return 204; }
			}
		}
	END
	background nginx -p "$PWD" -e stderr -c "$PWD/nginx.conf" 2> err
	local nginx=$PID
	wait_until test -S "$SOCKETS/s"
	for ((n = 0; n < 100; n++)); do
		printf 'GET /%d HTTP/1.1\r\nHost: x\r\n\r\n' "$n"
	done > requests
	printf 'GET /last HTTP/1.0\r\n\r\n' >> requests
	# The log is read by nobody while this goes on, and then by two.
	limited socat -t 20 - "UNIX-CONNECT:$SOCKETS/s" < requests > replies
	[[ $(grep -c '204 No Content' replies) == 101 ]]
	run -0 ipctool fifo-read -l 60 access
	is "$(seq -f '/%g 204' 0 59)"
	run -0 ipctool fifo-read -n access
	is "$(seq -f '/%g 204' 60 99)
/last 204"
	kill -TERM "$nginx"
	finish "$nginx" || :
	rm -rf "$SOCKETS"
}
