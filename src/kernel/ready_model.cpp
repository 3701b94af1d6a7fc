// SPDX-License-Identifier: Apache-2.0
#include "kernel/ready_model.hpp"

#include <moxie/kernel/kernel.hpp>

#include "model/model_access.hpp"

namespace moxie::inline abi1::kernel {

Result<std::shared_ptr<KvPool>> ReadyModel::pool(const Model& model, const KernelOptions& options,
                                                 const std::shared_ptr<Budget>& budget) {
  if (auto pool = pool_.lock()) return pool;
  KvShape shape = model.kv_shape();
  shape.type = options.kv_type;
  KvPoolOptions pool_options = options.kv_pool;
  pool_options.owner = model::ModelAccess::owner(model);
  MOXIE_TRY_LET(auto pool, KvPool::create(shape, budget, std::move(pool_options)));
  pool_ = pool;
  return pool;
}

}  // namespace moxie
