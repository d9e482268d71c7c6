# lamina.m4: what the configure.ac of a plugin outside of Lamina's own tree says.
#
#   AC_INIT([lamina-layer-swish], [1.0.0])
#   AC_CONFIG_AUX_DIR([build-aux])
#   AM_INIT_AUTOMAKE([foreign])
#   LAMINA_PLUGIN([layer], [swish])
#   AC_CONFIG_FILES([Makefile])
#   AC_OUTPUT
#
# `lamina new` writes the Makefile.am that goes with it. A plugin is one file that links against
# nothing of Lamina, so it is built as a program is, without libtool. Flags come from lamina.pc.

# LAMINA_PLUGIN(KIND, NAME, [LANGUAGE = C])
# -----------------------------------------
# Finds the compilers, the installed Lamina, and what tests need. LANGUAGE is C, C++ or Rust; the
# tests are in C. Sets, for the Makefile.am:
#
#   plugindir                 where Lamina looks for plugins: --with-plugindir, or beside Lamina's
#                             own, or below --prefix if that is given
#   LAMINA_CFLAGS             the headers
#   LAMINA_PLUGIN_CFLAGS      of a plugin in C, LAMINA_PLUGIN_CXXFLAGS in C++
#   LAMINA_PLUGIN_LDFLAGS     of a plugin in either
#   RUSTC, LAMINA_PLUGIN_RUSTFLAGS  the compiler and its flags for a plugin in Rust
#   LAMINA_TESTING_CFLAGS     of a Criterion program that uses <lamina/testing.h>,
#   LAMINA_TESTING_LIBS       if the automake condition HAVE_LAMINA_TESTING holds
#   LAMINA_TEST_WRAPPER       LOG_COMPILER: a sanitizer's report fails the test that caused it
#   LAMINA_TEST_ENVIRONMENT   AM_TESTS_ENVIRONMENT: the program, and this build's plugin
#   LAMINA                    the program
#
# configure --enable-werror makes warnings errors; --enable-sanitizers builds with
# AddressSanitizer and UBSan.
AC_DEFUN([LAMINA_PLUGIN],
[AC_REQUIRE([PKG_PROG_PKG_CONFIG])dnl
AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [make every compiler warning an error])],
  [], [enable_werror=no])
AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers], [build with AddressSanitizer and UBSan])],
  [], [enable_sanitizers=no])
AC_ARG_WITH([plugindir],
  [AS_HELP_STRING([--with-plugindir=DIR], [install the plugin there @<:@beside Lamina's own@:>@])],
  [plugindir=$withval], [plugindir=])
AM_SILENT_RULES([yes])dnl
AS_IF([test "$enable_sanitizers" = yes],
  [: ${CFLAGS="-O1 -g"} ${CXXFLAGS="-O1 -g"}],
  [: ${CFLAGS="-O3 -g"} ${CXXFLAGS="-O3 -g"}])
AC_PROVIDE_IFELSE([AC_PROG_CC], [], [AC_PROG_CC])
m4_case([$3], [C++], [AC_PROG_CXX], [Rust], [_LAMINA_PLUGIN_RUST])
PKG_CHECK_MODULES([LAMINA], [lamina])
_LAMINA_PLUGIN_DIR
_LAMINA_PLUGIN_FLAGS
_LAMINA_PLUGIN_TESTS
AC_MSG_NOTICE([$1 '$2' will be installed in $plugindir, tests=$lamina_have_testing])
])# LAMINA_PLUGIN

AC_DEFUN([_LAMINA_PLUGIN_RUST],
[AC_PATH_PROG([RUSTC], [rustc], [no])
AS_IF([test "$RUSTC" = no], [AC_MSG_ERROR([rustc is missing])])
LAMINA_PLUGIN_RUSTFLAGS="--edition 2021 --crate-type cdylib -O -C panic=abort"
LAMINA_PLUGIN_RUSTFLAGS="$LAMINA_PLUGIN_RUSTFLAGS -C strip=debuginfo -C link-arg=-Wl,-z,defs"
AS_IF([test "$enable_werror" = yes],
  [LAMINA_PLUGIN_RUSTFLAGS="$LAMINA_PLUGIN_RUSTFLAGS -D warnings"])
AC_SUBST([LAMINA_PLUGIN_RUSTFLAGS])
])

# _LAMINA_PLUGIN_DIR: with a prefix of its own the plugin goes below it, as distcheck wants it;
# without one it goes where Lamina finds it by itself.
AC_DEFUN([_LAMINA_PLUGIN_DIR],
[AS_IF([test "x$plugindir" != x], [],
  [test "x$prefix" = xNONE],
    [plugindir=`$PKG_CONFIG --variable=plugindir lamina`
     AS_IF([test -d "$plugindir"], [plugindir=`cd "$plugindir" && pwd`])],
  [plugindir="\${libdir}/lamina/`$PKG_CONFIG --variable=abi lamina | sed 's/\..*//'`"])
AC_SUBST([plugindir])
])

AC_DEFUN([_LAMINA_PLUGIN_FLAGS],
[lamina_warnings="-Wall -Wextra -Wconversion -Wpointer-arith -Wcast-qual -Wvla"
AS_IF([test "$enable_werror" = yes], [lamina_warnings="$lamina_warnings -Werror"])
lamina_sanitizers=
LAMINA_PLUGIN_LDFLAGS=`$PKG_CONFIG --variable=plugin_ldflags lamina`
# Symbols of the sanitizers are only in the program, so the linker cannot look for them.
AS_IF([test "$enable_sanitizers" = yes],
  [lamina_sanitizers="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
   lamina_sanitizers="$lamina_sanitizers -fno-omit-frame-pointer"
   LAMINA_PLUGIN_LDFLAGS=`AS_ECHO(["$LAMINA_PLUGIN_LDFLAGS"]) | sed 's/-Wl,-z,defs//'`])
lamina_flags="`$PKG_CONFIG --variable=plugin_cflags lamina` $lamina_warnings $lamina_sanitizers"
LAMINA_PLUGIN_CFLAGS="-std=c11 $lamina_flags -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
LAMINA_PLUGIN_CXXFLAGS="-std=c++17 -fno-exceptions -fno-rtti $lamina_flags"
LAMINA_PLUGIN_LDFLAGS="$LAMINA_PLUGIN_LDFLAGS $lamina_sanitizers"
AC_SUBST([LAMINA_PLUGIN_CFLAGS])
AC_SUBST([LAMINA_PLUGIN_CXXFLAGS])
AC_SUBST([LAMINA_PLUGIN_LDFLAGS])
])

# Tests in C need <lamina/testing.h>, which comes with a Lamina that was built with Criterion;
# the plugin itself builds without.
AC_DEFUN([_LAMINA_PLUGIN_TESTS],
[PKG_CHECK_MODULES([LAMINA_TESTING], [lamina-testing],
  [lamina_have_testing=yes], [lamina_have_testing=no])
AM_CONDITIONAL([HAVE_LAMINA_TESTING], [test "$lamina_have_testing" = yes])
LAMINA_TESTING_CFLAGS="-std=gnu11 $LAMINA_TESTING_CFLAGS $lamina_warnings $lamina_sanitizers"
LAMINA_TESTING_LIBS="$lamina_sanitizers $LAMINA_TESTING_LIBS"
lamina_wrapper=
AS_IF([test "$lamina_have_testing" = yes],
  [lamina_wrapper=`$PKG_CONFIG --variable=run_criterion lamina-testing`])
AS_IF([test "x$lamina_wrapper" = x], [LAMINA_TEST_WRAPPER=],
  [LAMINA_TEST_WRAPPER="\$(SHELL) $lamina_wrapper --script"])
AC_PATH_PROG([LAMINA], [lamina], [lamina],
  [`$PKG_CONFIG --variable=bindir lamina`$PATH_SEPARATOR$PATH])
# Tests are linked with a copy of the runtime, which must find Lamina's own plugins wherever the
# prefix was moved to.
lamina_own=`$PKG_CONFIG --variable=plugindir lamina`
AS_IF([test -d "$lamina_own"], [lamina_own=`cd "$lamina_own" && pwd`])
LAMINA_TEST_ENVIRONMENT="LAMINA='\$(LAMINA)'; LAMINA_PLUGIN_PATH='\$(abs_builddir):$lamina_own';"
LAMINA_TEST_ENVIRONMENT="$LAMINA_TEST_ENVIRONMENT LAMINA_SANITIZED=$enable_sanitizers;"
LAMINA_TEST_ENVIRONMENT="$LAMINA_TEST_ENVIRONMENT export LAMINA LAMINA_PLUGIN_PATH"
LAMINA_TEST_ENVIRONMENT="$LAMINA_TEST_ENVIRONMENT LAMINA_SANITIZED;"
AC_SUBST([LAMINA_TEST_WRAPPER])
AC_SUBST([LAMINA_TEST_ENVIRONMENT])
])
