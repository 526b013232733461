#!/usr/bin/env bats

load lib/common

@test "a FIFO that nobody has open is unused" {
	mkfifo q
	run -0 ipctool fifo-stat -rno STATE q
	is unused
}
