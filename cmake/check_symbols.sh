#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Reads the symbol tables of moxie's library and objects for what the host law forbids.
#
#   cmake/check_symbols.sh FILE...       archives (.a), objects (.o), shared libraries (.so)
#
# For every object, and as a whole for a shared library:
#   ends      abort, exit and their kin, assertion failures
#   prints    the printf family that writes to a terminal, std::cout and its kin, stdout, stderr, syslog
#   handlers  signal, sigaction, atexit and their kin; a global whose destructor runs at exit
#   starts    threads and processes
#   changes   what belongs to the host's process: locale, environment, folder, umask, rand's seed
# For every object:
#   globals   variables in writable memory, function-local statics and thread-locals among them
#   isa       functions that the linker could pick for everybody, in a file built with an ISA's flags
#   names     names of namespace moxie without the ABI's version (moxie::abi1::), or of a file without exceptions
# For a shared library:
#   exports   names outside namespace moxie::abi<N>, N being MOXIE_ABI_VERSION of core/version.hpp; of a file without exceptions
#
# What this cannot see: std::terminate. The compiler itself calls it where an exception would leave a
# noexcept function (gcc through the unwinder, clang by __clang_call_terminate), so these names prove
# nothing; check_layers.sh looks for calls in the source instead, and noexcept is the reviewer's business.
# Nor inline functions of public headers: check_layers.sh again.
#
# cmake/symbols_allowed.txt lists exceptions, each for named objects and with its reason.
# Meant for optimised builds without sanitizers: those add functions of their own.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
allowed_file=${MOXIE_SYMBOLS_ALLOWED:-$here/symbols_allowed.txt}
[[ $# -gt 0 ]] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }

for tool in nm objdump c++filt; do
  command -v $tool >/dev/null || { echo "check_symbols: needs $tool (binutils)" >&2; exit 2; }
done

declare -A forbidden=(
  [ends]='abort|exit|_exit|_Exit|quick_exit|__assert_fail|__assert_perror_fail|__assert|_ZSt21__glibcxx_assert_failPKciS0_S0_|raise|kill|pthread_kill|pthread_exit|longjmp|siglongjmp|__longjmp_chk'
  [prints]='v?w?printf|__v?w?printf_chk|puts|putchar|putwchar|putchar_unlocked|perror|psignal|psiginfo|v?syslog|__v?syslog_chk|v?(warn|err)x?|error|error_at_line|stdout|stderr|_ZSt[45]w?(cout|cerr|clog)|_ZNSt8ios_base4Init[CD][0-9]Ev|_ZSt[0-9]+vprint_(unicode|nonunicode).*'
  [handlers]='signal|__sysv_signal|bsd_signal|sigaction|sigprocmask|pthread_sigmask|sigaltstack|atexit|at_quick_exit|on_exit|__cxa_atexit|__cxa_thread_atexit(_impl)?|_ZSt13set_terminatePFvvE|_ZSt15set_new_handlerPFvvE|pthread_atfork'
  [starts]='pthread_create|thrd_create|_ZNSt6thread15_M_start_thread.*|fork|vfork|clone|posix_spawnp?|exec(l|le|lp|v|ve|vp|vpe)|system|popen|GOMP_parallel.*|GOMP_task.*|__kmpc_fork_call.*'
  [changes]='setlocale|_ZNSt6locale6globalERKS_|setenv|putenv|unsetenv|clearenv|f?chdir|umask|srand|srandom|setrlimit|setpriority|sched_setaffinity|pthread_setaffinity_np|fesetround|fesetenv'
)
version=$here/../include/moxie/core/version.hpp
abi=abi$(sed -nE 's/^#define MOXIE_ABI_VERSION ([1-9][0-9]*)$/\1/p' "$version")
[[ $abi =~ ^abi[0-9]+$ ]] || { echo "check_symbols: no MOXIE_ABI_VERSION in $version" >&2; exit 2; }
# As the compiler writes them: moxie::abi1, and the tag of MOXIE_OPTION_TAG.
moxie=5moxie${#abi}$abi tag=B12noexceptions
# Names of that namespace: functions and data (const, & and && members too), tables, type information, thunks, guards.
exported="_ZNK?[RO]?$moxie.*|_ZT[VTIS]N$moxie.*|_ZT[hvc].*N$moxie.*|_ZGVN$moxie.*"
isa_objects='*_avx*.o *_vnni*.o *_amx*.o *_sse*.o *_neon*.o *_sve*.o'

problems=0
is_shared() { [[ ${1##*/} == *.so || ${1##*/} == *.so.* ]]; } # by the file's name: a folder may be called anything
plain() { c++filt "$1"; }
is_allowed() { # OBJECT SYMBOL
  local objects symbols reason
  while read -r objects symbols reason; do
    [[ -z $objects || $objects == \#* ]] && continue
    [[ -n $reason ]] || { echo "check_symbols: no reason given for $objects $symbols" >&2; exit 2; }
    # A shared library is one object: what some object may do, it may.
    # shellcheck disable=SC2053  # patterns are meant
    { [[ $1 == $objects ]] || is_shared "$1"; } && [[ $2 == $symbols ]] && return 0
  done <"$allowed_file"
  return 1
}
problem() { # OBJECT SYMBOL REASON
  is_allowed "$1" "$2" && return
  echo "$1: $(plain "$2"): $3"
  problems=$((problems + 1))
}

undefined() { # FILE: "OBJECT SYMBOL" per line
  if is_shared "$1"; then
    nm -D --undefined-only "$1" | awk -v f="$(basename "$1")" '{ sub(/@.*/, "", $NF); print f, $NF }'
  else
    nm -A --undefined-only "$1" | awk '{ n = split($1, p, "[:/]"); print p[p[n] == "" ? n - 1 : n], $NF }'
  fi | sort -u
}
check_undefined() {
  local object symbol group
  while read -r object symbol; do
    for group in "${!forbidden[@]}"; do
      [[ $symbol =~ ^(${forbidden[$group]})$ ]] && problem "$object" "$symbol" "forbidden ($group)"
    done
  done < <(undefined "$1")
  return 0
}

check_globals() { # writable objects; .data.rel.ro is read-only once the program is loaded
  local object symbol section
  while read -r object section symbol; do
    problem "$object" "$symbol" "a mutable global, in $section"
  done < <(objdump -t "$1" | awk '
    / file format / { object = $1; sub(/:$/, "", object); n = split(object, p, "/"); object = p[n]; next }
    /^[0-9a-f]+ .......[ \t]/ { # address, seven flags, section, tab, size, visibility if any, name
      split($0, half, "\t")
      n = split(half[1], left, " "); section = left[n]
      n = split(half[2], right, " "); symbol = right[n]
      flags = substr(half[1], length(left[1]) + 2, 7)
      if (section ~ /^\.t(data|bss)/ ? flags ~ /[dF]/ : flags !~ /O/) next
      if (section !~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ || section ~ /^\.data\.rel\.ro/) next
      if (symbol ~ /^DW\.ref\./) next
      print object, section, symbol
    }')
}

check_isa() {
  local object symbol pattern
  while read -r object symbol; do
    for pattern in $isa_objects; do
      # shellcheck disable=SC2053
      [[ $object == $pattern ]] && problem "$object" "$symbol" "shared inline code in a file with an ISA's flags"
    done
  done < <(nm -A --defined-only "$1" | awk '$(NF-1) ~ /^[WVu]$/ && $NF !~ /^DW\.ref\./ {
    n = split($1, p, "[:/]"); print p[n - 1], $NF }')
  return 0
}

check_names() {
  local object symbol
  while read -r object symbol; do
    problem "$object" "$symbol" "a name of moxie that is not of $abi, or of a file without exceptions"
  done < <(nm -A --defined-only "$1" | awk -v moxie="$moxie" -v tag="$tag" '
    $(NF-1) ~ /^[A-Zu]$/ && $NF ~ /^_Z(NK?[RO]?|T[VTIS]N|GVN)5moxie/ && ($NF !~ "^_Z[A-Z]*" moxie || $NF ~ tag) {
      n = split($1, p, "[:/]"); print p[n - 1], $NF }')
  return 0
}

check_exports() {
  local symbol
  while read -r symbol; do
    [[ $symbol =~ ^($exported)$ ]] || problem "$(basename "$1")" "$symbol" "exported, but not of namespace moxie::$abi"
    [[ $symbol != *"$tag"* ]] || problem "$(basename "$1")" "$symbol" "exported by a file without exceptions"
  done < <(nm -D --defined-only "$1" | awk '{ sub(/@.*/, "", $NF); print $NF }')
}

set -f # patterns above are not file names
for file in "$@"; do
  [[ -f $file ]] || { echo "check_symbols: no file $file" >&2; exit 2; }
  # A table that cannot be read must not pass for one that is clean.
  if is_shared "$file"; then
    nm -D "$file" >/dev/null
  else
    nm "$file" >/dev/null && objdump -t "$file" >/dev/null
  fi || { echo "check_symbols: cannot read $file" >&2; exit 2; }
  check_undefined "$file"
  if is_shared "$file"; then
    check_exports "$file"
  else
    check_globals "$file"
    check_isa "$file"
    check_names "$file"
  fi
done
if ((problems > 0)); then
  echo "check_symbols: $problems problem(s)" >&2
  exit 1
fi
echo "check_symbols: $# file(s) keep the host law"
