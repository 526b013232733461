# shellcheck shell=bash
#
# debian - what this machine's apt knows, for scripts that get more from there
# than is installed.

# The mirror of a suite's main section, as the apt of this machine has it
debian_mirror()
{
	local suite=$1

	# shellcheck disable=SC2016 # apt-get's own variables
	apt-get indextargets \
	    --format '$(RELEASE)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' \
	    'Created-By: Packages' |
	    awk -F '|' -v suite="$suite" '
		($1 == suite || $2 == suite) && $3 == "main" { print $4 }' |
	    head -n 1 | grep .
}

# debian_apt_get DIRECTORY ARCHITECTURE ARG...
# apt-get with this machine's sources and keys, but with all that it knows and
# fetches in the directory: nothing is installed there, and the system's dpkg
# hears of no other architecture.
debian_apt_get()
{
	local dir=$1 architecture=$2

	shift 2
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" || return
	: > "$dir/status" || return
	apt-get -q -y -o APT::Architecture="$architecture" \
	    -o APT::Architectures="$architecture" \
	    -o Dir::State="$dir" -o Dir::State::lists="$dir/lists" \
	    -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
	    -o Debug::NoLocking=true -o APT::Sandbox::User=root "$@"
}

# debian_sysroot DIRECTORY ARCHITECTURE PACKAGE...
# The files of these packages, and of those that they depend on, in
# DIRECTORY/root.  An update may have failed for a source that is not needed:
# whether the packages can be had is seen when they are fetched.
debian_sysroot()
{
	local dir=$1 architecture=$2 package

	shift 2
	debian_apt_get "$dir" "$architecture" update
	debian_apt_get "$dir" "$architecture" install --download-only \
	    --no-install-recommends "$@" || return
	for package in "$dir"/cache/archives/*.deb; do
		dpkg-deb -x "$package" "$dir/root" || return
	done
}

# debian_sources DIRECTORY SUITE PACKAGE...
# The sources of these packages as their authors publish them, in
# DIRECTORY/PACKAGE.
debian_sources()
{
	local dir=$1 suite=$2 from package

	shift 2
	from=$(debian_mirror "$suite") || {
		echo "apt has no source for $suite"
		return 1
	}
	mkdir -p "$dir" && cd "$dir" || return
	echo "deb-src $from $suite main" > sources.list
	set -- -o Dir::Etc::sourcelist="$dir/sources.list" \
	    -o Dir::Etc::sourceparts=- "$@"
	debian_apt_get "$dir" "$(dpkg --print-architecture)" "${@:1:4}" \
	    update || return
	debian_apt_get "$dir" "$(dpkg --print-architecture)" source \
	    --download-only "$@" || return
	for package in "${@:5}"; do
		mkdir "$package" && tar -C "$package" --strip-components=1 \
		    -xf "$package"_*.orig.tar.?z || return
	done
}
