// SPDX-License-Identifier: Apache-2.0
// Ready-made managers with operators, so that each test starts from its own contract.
import { closeBlock, deploy, send } from './chain.mjs';
import { OPERATORS, OWNER, SIGNERS, provePossession } from './keys.mjs';

export async function setSigningKey(chain, manager, operator, signer) {
  const proof = await provePossession(operator.address, signer);
  return send(chain, operator, manager, 'updateOperatorSigningKey', [signer.address, proof]);
}

export async function addOperator(chain, manager, index, weight) {
  await send(chain, OWNER, manager, 'registerOperator', [OPERATORS[index].address, weight]);
  await setSigningKey(chain, manager, OPERATORS[index], SIGNERS[index]);
}

/** A manager whose operator i has weights[i] and SIGNERS[i]; `referenceBlock` is the last block of the set-up. */
export async function newService(chain, { weights = [100n, 100n, 100n], threshold = 1n, quorum = [2n, 3n] } = {}) {
  const manager = await deploy(chain, 'PoaServiceManager', [OWNER.address, threshold, ...quorum]);
  for (const [index, weight] of weights.entries()) await addOperator(chain, manager, index, weight);
  return { manager, referenceBlock: await closeBlock(chain) };
}
