#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cmake/check_symbols.sh must pass a right library and reject each of these wrong ones, one at a time.
#   check_symbols_test.sh CXX
set -euo pipefail
cxx=${1:-c++}
check=$(cd "$(dirname "$0")/../.." && pwd)/cmake/check_symbols.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dir=$work/a.some.folder # whose name looks like a shared library's
mkdir "$dir"
failures=0 cases=0
abi=abi$(sed -nE 's/^#define MOXIE_ABI_VERSION ([0-9]+)$/\1/p' "$(dirname "$check")/../include/moxie/core/version.hpp")

build() { # NAME CODE: NAME.cpp.o, libNAME.a, libNAME.so
  printf '%s\n' "$2" >"$dir/$1.cpp"
  "$cxx" -std=c++20 -O2 -fPIC -fvisibility=hidden -fvisibility-inlines-hidden -c "$dir/$1.cpp" -o "$dir/$1.cpp.o"
  rm -f "$dir/lib$1.a"
  ar rcs "$dir/lib$1.a" "$dir/$1.cpp.o"
}
expect() { # accepts|rejects FILE WORDS
  cases=$((cases + 1))
  local out verdict=accepts
  out=$("$check" "$2" 2>&1) || verdict=rejects
  if [[ $verdict != "$1" || $out != *"$3"* ]]; then
    printf '%s should be: %s (%s)\n%s\n' "${2##*/}" "$1" "$3" "$out"
    failures=$((failures + 1))
  fi
}
rejects() { # NAME CODE WORDS: in an archive and as an object
  build "$1" "$2"
  expect rejects "$dir/lib$1.a" "$3"
  expect rejects "$dir/$1.cpp.o" "$3"
}
accepts() { # NAME CODE
  build "$1" "$2"
  expect accepts "$dir/lib$1.a" "keep the host law"
}

rejects ends_abort '#include <cstdlib>
void f(int x) { if (x == 0) std::abort(); }' 'abort: forbidden (ends)'
rejects ends_exit '#include <cstdlib>
void f(int x) { if (x == 0) std::exit(1); }' 'exit: forbidden (ends)'
rejects ends_assert '#undef NDEBUG
#include <cassert>
void f(int x) { assert(x == 0); }' '__assert_fail: forbidden (ends)'
rejects prints_printf '#include <cstdio>
void f(int x) { std::printf("%d", x); }' 'forbidden (prints)'
rejects prints_puts '#include <cstdio>
void f() { std::printf("becomes puts\n"); }' 'puts: forbidden (prints)'
rejects prints_stderr '#include <cstdio>
void f(int x) { std::fprintf(stderr, "%d", x); }' 'stderr: forbidden (prints)'
rejects prints_cout '#include <ostream>
namespace std { extern ostream cout; }
void f(int x) { std::cout << x; }' 'std::cout: forbidden (prints)'
rejects prints_iostream '#include <iostream>
void f(int x) { std::clog << x; }' 'std::clog: forbidden (prints)'
rejects handlers_signal '#include <csignal>
void f() { std::signal(SIGINT, SIG_IGN); }' 'signal: forbidden (handlers)'
rejects handlers_destructor '#include <string>
const std::string& f() { static const std::string s(100, 48); return s; }' 'atexit: forbidden (handlers)'
rejects starts_thread '#include <thread>
void f() { std::thread([] {}).join(); }' 'forbidden (starts)'
rejects starts_process '#include <cstdlib>
int f() { return std::system("true"); }' 'system: forbidden (starts)'
rejects changes_locale '#include <clocale>
void f() { std::setlocale(LC_ALL, "C"); }' 'setlocale: forbidden (changes)'
rejects globals_data 'int state = 1;
int f() { return ++state; }' 'state: a mutable global, in .data'
rejects globals_bss 'static int state;
int f() { return ++state; }' 'state: a mutable global, in .bss'
rejects globals_pointer 'static int one, two; int* which = &one;
void f() { which = &two; }' 'which: a mutable global, in .data'
rejects globals_static 'int f() { static int calls; return ++calls; }' 'calls: a mutable global, in .bss'
rejects globals_thread 'int f() { static thread_local int calls; return ++calls; }' 'calls: a mutable global, in .tbss'
rejects kernels_avx2 'inline __attribute__((noinline)) int shared(int x) { return x * x + 1; }
int f(int x) { return shared(x) + 1; }' "shared inline code in a file with an ISA's flags"

rejects names_plain 'namespace moxie { int f() { return 1; } }' 'moxie::f(): a name of moxie that is not of '
rejects names_other 'namespace moxie::inline abi99 { struct S { virtual ~S(); int g() const; }; S::~S() {} int S::g() const { return 1; } }' \
  'moxie::abi99::S::g() const: a name of moxie that is not of '
rejects names_tagged 'namespace moxie::inline '"$abi"' { [[gnu::abi_tag("noexceptions")]] int f() { return 1; } }' \
  'of a file without exceptions'

accepts right '#include <cstdio>
#include <memory>
#include <vector>
namespace moxie::inline '"$abi"' {
constexpr const char* kNames[] = {"a", "b"};
struct Base { virtual ~Base() = default; virtual int g() const noexcept = 0; };
struct Derived final : Base { int g() const noexcept override { return 1; } };
const char* f(unsigned i) noexcept { return kNames[i % 2]; }
std::unique_ptr<Base> make(std::vector<int>& v) { v.push_back(1); return std::make_unique<Derived>(); }
std::size_t save(std::FILE* file, const char* text, std::size_t n) { return std::fwrite(text, 1, n, file); }
int format(char* out, std::size_t n, int x) { return std::snprintf(out, n, "%d", x); }
}'
accepts kernels_avx512 'namespace { int own(int x) { return x * x + 1; } }
namespace moxie::inline '"$abi"' { int f(int x) { return own(x) + 1; } }'

# An exception holds for the objects that it names and for no other, and must give its reason.
allowed=$dir/allowed.txt
export MOXIE_SYMBOLS_ALLOWED=$allowed
echo 'ends_a*.o abort because this test says so' >"$allowed"
expect accepts "$dir/libends_abort.a" "keep the host law"
expect rejects "$dir/libends_exit.a" "exit: forbidden"
echo 'other.o abort because this test says so' >"$allowed"
expect rejects "$dir/libends_abort.a" "abort: forbidden"
echo 'ends_a*.o abort' >"$allowed"
expect rejects "$dir/libends_abort.a" "no reason given"
unset MOXIE_SYMBOLS_ALLOWED

# A shared library: what it uses, and what it shows.
link() { "$cxx" -shared "$dir/$1.cpp.o" -o "$dir/lib$1.so"; }
link ends_abort
expect rejects "$dir/libends_abort.so" 'abort: forbidden (ends)'
build leaks '#define API __attribute__((visibility("default")))
namespace moxie::inline '"$abi"' { API int good() { return 1; } struct API Shown { virtual ~Shown(); }; Shown::~Shown() {} }
API int helper() { return 2; }'
link leaks
expect rejects "$dir/libleaks.so" 'helper(): exported'
build shows '#define API __attribute__((visibility("default")))
namespace moxie::inline '"$abi"' {
API int good() { return 1; }
struct API Shown { virtual ~Shown(); int size() const&; };
Shown::~Shown() {}
int Shown::size() const& { return 1; }
}
int helper() { return 2; }'
link shows
expect accepts "$dir/libshows.so" 'keep the host law'
build other_abi 'namespace moxie::inline abi99 { __attribute__((visibility("default"))) int f() { return 1; } }'
link other_abi
expect rejects "$dir/libother_abi.so" 'moxie::abi99::f(): exported, but not of namespace moxie::'
build tagged 'namespace moxie::inline '"$abi"' {
[[gnu::visibility("default"), gnu::abi_tag("noexceptions")]] int f() { return 1; } }'
link tagged
expect rejects "$dir/libtagged.so" 'exported by a file without exceptions'

expect rejects "$dir/no_such_file.a" 'no file'
echo text >"$dir/libtext.a"
expect rejects "$dir/libtext.a" 'cannot read'
echo "check_symbols: $cases cases, $failures failures"
((failures == 0))
