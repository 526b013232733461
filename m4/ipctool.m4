# Macros of ipctool's configure.ac.

# IPCTOOL_CC_FLAG(VARIABLE, FLAG)
# -------------------------------
# Append FLAG to VARIABLE if the compiler takes it.  -Werror is on during the
# test because clang merely warns about a warning option that it does not know;
# and the test compiles rather than preprocesses because some options are
# refused only by the part of the compiler that uses them.
AC_DEFUN([IPCTOOL_CC_FLAG], [
	AS_VAR_PUSHDEF([cache], [ipctool_cv_cc_$2])
	AC_CACHE_CHECK([whether $CC takes $2], [cache], [
		ipctool_saved_CFLAGS=$CFLAGS
		CFLAGS="$CFLAGS -Werror $2"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
			[AS_VAR_SET([cache], [yes])],
			[AS_VAR_SET([cache], [no])])
		CFLAGS=$ipctool_saved_CFLAGS
	])
	AS_VAR_IF([cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
	AS_VAR_POPDEF([cache])
])

# IPCTOOL_NEED_FUNCS(FUNCTION...)
# -------------------------------
# Stop unless every FUNCTION can be linked.
AC_DEFUN([IPCTOOL_NEED_FUNCS], [
	AC_CHECK_FUNCS([$1], [], [
		AC_MSG_ERROR([$ac_func() is missing: ipctool needs Linux and a C library that shows its system calls])
	])
])

# IPCTOOL_COMPLETION_DIR(VARIABLE, SHELL, DEFAULT)
# ------------------------------------------------
# --with-SHELL-completion-dir=DIR, substituted as VARIABLE; "no" means none.
AC_DEFUN([IPCTOOL_COMPLETION_DIR], [
	AC_ARG_WITH([$2-completion-dir],
		[AS_HELP_STRING([--with-$2-completion-dir=DIR],
			[completion for $2, or "no" @<:@$3@:>@])],
		[], [with_$2_completion_dir=yes])
	AS_CASE([$with_$2_completion_dir],
		[yes], [$1='$3'],
		[no], [$1=],
		[$1=$with_$2_completion_dir])
	AC_SUBST([$1])
])
