# SPDX-License-Identifier: Apache-2.0
# Packages of the distribution, found and never fetched. cmake/test.sh installs them.
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)
set(moxie_private_dependencies "")  # what the compiled library links besides Threads
if(MOXIE_ONEDNN)
  find_package(dnnl REQUIRED)  # 2.6 (Debian 12) and 3.x
  list(APPEND moxie_private_dependencies DNNL::dnnl)
endif()
if(MOXIE_OPENMP OR MOXIE_ONEDNN)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  list(APPEND moxie_private_dependencies OpenMP::OpenMP_CXX)
endif()
