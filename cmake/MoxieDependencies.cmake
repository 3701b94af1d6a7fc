# SPDX-License-Identifier: Apache-2.0
# Packages of the distribution, found and never fetched. cmake/test.sh installs them.
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)
# PCRE2 and utf8proc come with a pkg-config file and no package of CMake's.
find_package(PkgConfig REQUIRED)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8>=10.40)  # properties such as \p{Alphabetic}
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc>=2.6)
# What the compiled libraries link besides Threads: moxie::text, and moxie::moxie.
set(moxie_text_dependencies PkgConfig::pcre2 PkgConfig::utf8proc)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
set(moxie_private_dependencies OpenSSL::Crypto)
if(MOXIE_ONEDNN)
  find_package(dnnl REQUIRED)  # 2.6 (Debian 12) and 3.x
  list(APPEND moxie_private_dependencies DNNL::dnnl)
endif()
if(MOXIE_OPENMP OR MOXIE_ONEDNN)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  list(APPEND moxie_private_dependencies OpenMP::OpenMP_CXX)
endif()
